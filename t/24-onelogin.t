# SPDX-License-Identifier: Apache-2.0
# OneLogin as a client: its dangling separators, foreign schema URNs and the
# bodies of its templates, L1 to L9 of clients.md, in both profiles.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my ($org, $profile);
my @FOREIGN = ('urn:scim:schemas:core:2.0', 'urn:scim:schemas:extension:enterprise:2.0');

# An empty User-Agent, and the type that a bare template has.
sub onelogin {
    my ($method, $path, $body) = @_;
    return $org->request($method, $path, body => $body, headers => { 'User-Agent' => '', $body ? ('Content-Type' => 'application/json') : () });
}
sub find { my ($name) = @_; return onelogin(GET => '/Users?filter=userName+eq+%22' . uri($name) . '%22&') }
sub filled {
    my ($name, %more) = @_;
    return { schemas => [CORE], userName => $name, name => { givenName => 'Taro', familyName => 'Yamada' },
             emails => [{ value => $name, primary => TRUE, type => 'work' }], displayName => 'Taro Yamada', %more };
}
sub without_path { my ($value) = @_; return { schemas => [PATCHOP], Operations => [{ op => 'replace', value => $value }] } }

for (qw(managed open)) {
    $profile = $_;
    $org = organization(profile => $profile);
    my $name = user_name();
    is_list(find($name), [], "L1: the lookup ends in & ($profile)");
    my $made = onelogin(POST => '/Users', filled($name, schemas => [CORE, ENT], ENT() => { employeeNumber => '7', department => 'D', manager => { value => '42', displayName => 'Boss' } }));
    is_user($made, 201, { userName => $name, displayName => 'Taro Yamada' }, "L2: create ($profile)");
    is $made->{json}{+ENT}{$_->[0]}, $_->[1], "L2: with $_->[0] ($profile)" for ['employeeNumber', '7'], ['department', 'D'];
    is_user(onelogin(POST => '/Users', filled(user_name(), ENT() => { manager => { managerId => '42' } })), 201, { displayName => 'Taro Yamada' },
            "L2: the manager as managerId is not an error ($profile)");
    is_list(find($name), [$name], "L1: an existing user ($profile)");
    my $id = $made->{json}{id};
    is_user(onelogin(PUT => "/Users/$id?", filled($name, schemas => [@FOREIGN], name => { familyName => ' User 01', givenName => 'AAA Test' })), 200,
            { name => { familyName => ' User 01', givenName => 'AAA Test' }, schemas => [CORE] }, "L3: PUT with ? at the end and foreign URNs ($profile)");
    is_user(onelogin(POST => '/Users', filled(user_name(), @{ $_->[1] })), 201, $_->[2], "L5: $_->[0] ($profile)")
        for ['emails as one object', [emails => { value => 'x@example.com', primary => TRUE, type => 'work' }], { emails => [{ value => 'x@example.com', primary => TRUE, type => 'work' }] }],
            ['active as "true"', [active => 'true'], { active => TRUE }], ['active as "1"', [active => '1'], { active => TRUE }],
            ['active as "0"', [active => '0'], { active => FALSE }], ['active as "false"', [active => 'false'], { active => FALSE }],
            ['empty macros', [preferredLanguage => '', timezone => '', nickName => ''], { preferredLanguage => undef, timezone => undef, nickName => undef }],
            ['a role as an element', [roles => [{ value => 'USER', primary => TRUE }]], { roles => [{ value => 'USER', primary => TRUE }] }],
            ['id and meta of the template', [id => undef, meta => { resourceType => 'User' }], { displayName => 'Taro Yamada' }];
    my $role = onelogin(POST => '/Users', filled(user_name(), roles => 'USER'));
    is $role->{json}{roles}[0]{value}, 'USER', "L5: a role as a text ($profile)" or diag $role->{content};

    is_user(onelogin(PUT => "/Users/$id?", filled($name, active => FALSE)), 200, { active => FALSE }, "L6: suspension by PUT ($profile)");
    is_user(onelogin(PATCH => "/Users/$id?", without_path({ active => TRUE })), 200, { active => TRUE }, "L6: PATCH without path ($profile)");
    is_user(onelogin(PATCH => "/Users/$id?", without_path({ active => FALSE })), 200, { active => FALSE }, "L6: suspends too ($profile)");
    is_user(onelogin(GET => "/Users/$id?"), 200, { active => FALSE }, "L9: the check of the status ($profile)");
    is onelogin(DELETE => "/Users/$id?")->{status}, 204, "L7: DELETE ($profile)";
    is_error(onelogin(GET => "/Users/$id"), 404, undef, "L9: of who is deleted ($profile)");
}
done_testing;
