# SPDX-License-Identifier: Apache-2.0
# Silent losses: what a request sent and did not get, although it succeeded, is a
# warning in the organization's activity that says what to do.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

own_server();           # its log is read
my $org = organization();
my $key = $org->{key};
my @secrets = ('Sekret-Value-4711', 'hunter2-password', 'filtered-value-0815');

sub scimctl { return Scim::Process::run([server()->scimctl(@_)])->{out} }
sub entries { my ($of, @options) = @_; return @{ JSON::PP::decode_json(scimctl('activity', 'list', $of->{key}, '--json', @options)) } }
sub warnings_of { my ($of) = @_; return grep { $_->{outcome} eq 'warning' } entries($of, '--count', 3000) }
sub details { return map { $_->{detail} } @_ }
sub role { return { roles => [{ value => $_[0], primary => TRUE }] } }
sub op { my ($op, $path, $value) = @_; return { op => $op, defined $path ? (path => $path) : (), defined $value ? (value => $value) : () } }

# What the actions write, the oldest first.
sub warned_by {
    my ($action, $of) = @_;
    $of ||= $org;
    my $before = warnings_of($of);
    $action->();
    my @after = warnings_of($of);
    my @new = reverse @after[0 .. $#after - $before];
    return @new;
}
my $UNMAP = 'Remove it from the attribute mapping in the identity provider.';
my $ROLES = 'Map roles to ADMIN, USER or GUEST in the identity provider.';
sub unknown { return "The attribute '$_[0]' is not part of the schema and was ignored. $UNMAP" }

# An unknown role
my $user;
my ($entry, @more) = warned_by(sub { $user = $org->create(%{ role('BOSS') }) });
is_deeply [@$entry{qw(outcome method path status scimType userName accountId resourceType resourceId actor)}],
    ['warning', 'POST', "/$key/v2/Users", 201, undef, $user->{userName}, $user->{id}, 'User', $user->{id}, 'test'], 'a creation with an unknown role is a warning about the account';
is $entry->{detail}, "The role 'BOSS' is unknown, so the account is a GUEST. $ROLES", 'with a sentence that says what is and what to do';
is_deeply \@more, [], 'one';
$org->patch_ops($user->{id}, op(replace => 'roles[primary eq "True"].value', 'USER'));
for my $way (['PATCH with a path', sub { $org->patch_ops($user->{id}, op(Replace => 'roles[primary eq "True"].value', 'Chef')) }, 'Chef'],
             ['PATCH without one', sub { $org->patch_ops($user->{id}, op(replace => undef, role('Cook'))) }, 'Cook'],
             ['PUT', sub { $org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'x', %{ role('Maid') } }) }, 'Maid']) {
    my ($name, $send, $role) = @$way;
    my $r;
    my @got = warned_by(sub { $r = $send->() });
    is_deeply [$r->{status}, $r->{json}{roles}[0]{value}], [200, 'USER'], "$name: the role is kept";
    is_deeply [details(@got)], ["The role '$role' is unknown, so the account is still USER. $ROLES"], "$name: and a warning says so";
    is_deeply [warned_by($send)], [], "$name: the same within a day is not repeated";
}
is_deeply [details(warned_by(sub { $org->create(%{ role('BOSS') }) }))], [$entry->{detail}], 'another account has a warning of its own';
sql(q{UPDATE scim.refusal SET occurred_at = occurred_at - interval '25 hours' WHERE organization_id = $1 AND status < 400}, $org->{id});
is_deeply [details(warned_by(sub { $org->patch_ops($user->{id}, op(replace => undef, role('Cook'))) }))], ["The role 'Cook' is unknown, so the account is still USER. $ROLES"], 'on the next day it is repeated';

# Unknown attributes: a fault of the mapping, the same for each account
my %odd = (favouriteColour => $secrets[0]);
($entry, @more) = warned_by(sub { $org->create(%odd); $org->create(%odd); $org->patch_ops($user->{id}, op(add => undef, \%odd)); });
is_deeply [@$entry{qw(detail userName accountId resourceType status)}], [unknown('favouriteColour'), undef, undef, 'User', 201], 'an unknown attribute is a warning that names nobody';
is_deeply \@more, [], 'one for all accounts and ways to send it';
is_deeply [warned_by(sub { $org->patch_ops($user->{id}, op(replace => 'urn:ietf:params:scim:schemas:core:2.0:User:favouriteColour', 'x')) })]->[0]{detail},
    unknown('urn:ietf:params:scim:schemas:core:2.0:User:favouriteColour'), 'by a path with a URN it has that name';
is_deeply [details(warned_by(sub { $org->create(emails => [{ value => 'a@example.com', shoe => 1 }], ENT, { shoe => 1 }) }))],
    [unknown('emails.shoe'), unknown(ENT . ':shoe')], 'within an attribute and an extension';
is_deeply [details(warned_by(sub { $org->patch_ops($user->{id}, op(add => "shoes[type eq \"$secrets[2]\"].value", $secrets[0])) }))],
    [unknown('shoes[...].value')], 'without the value of a filter';
my $long = 'ä' x 200;
like +(details(warned_by(sub { $org->create($long => 1) })))[0], qr/^The attribute 'ä{20,60}' is not/, 'a long name is cut between characters';

# Set once
my $fixed = $org->create(timezone => 'Asia/Tokyo', preferredLanguage => 'ja');
my %whole = (userName => $fixed->{userName}, displayName => 'x');
is_deeply [details(warned_by(sub { $org->put("/Users/$fixed->{id}", { %whole, timezone => 'Europe/Rome', preferredLanguage => 'ja' }) }))],
    ["The attribute 'timezone' is set once, when an account is created: 'Asia/Tokyo' was kept. Let the identity provider send it at creations only."],
    'another value for what is set once';
is_deeply [warned_by(sub {
    $org->put("/Users/$fixed->{id}", \%whole);
    $org->put("/Users/$fixed->{id}", { %whole, timezone => 'Asia/Tokyo', preferredLanguage => 'ja' });
    $org->patch_ops($fixed->{id}, op(remove => 'timezone'), op(replace => 'preferredLanguage', ''));
})], [], 'the same value, or none, is no loss';
is_deeply [details(warned_by(sub { $org->patch_ops($fixed->{id}, op(remove => 'active')) }))],
    ["The removal of 'active' was ignored, since it always has a value. Let the identity provider send true or false."], 'a removal of active is a warning';

# Groups
my $group;
($entry) = warned_by(sub { $group = $org->post('/Groups', { displayName => random_name(), colour => 'red' })->{json} });
is_deeply [@$entry{qw(detail resourceType resourceId status path)}], [unknown('colour'), 'Group', undef, 201, "/$key/v2/Groups"], 'an unknown attribute of a group';
$org->patch("/Groups/$group->{id}", { Operations => [op(add => 'members', [{ value => $user->{id} }])] });
($entry) = warned_by(sub { $org->patch("/Groups/$group->{id}", { Operations => [op(replace => "members[value eq \"$user->{id}\"].type", 'x')] }) });
is_deeply [@$entry{qw(detail status)}], ["The attribute 'members[...].type' cannot be changed in a group and was ignored. $UNMAP", 204], 'an immutable part of a member';

# Bulk requests
my @made = map { user_name() } 1 .. 3;
my @operations = ((map { { method => 'POST', path => '/Users', bulkId => $_, data => { schemas => [CORE], userName => $_, displayName => 'x', hat => 1, %{ role('Baron') } } } } @made),
                  { method => 'PATCH', path => "/Users/$user->{id}", data => { Operations => [op(replace => undef, role('Baron'))] } },
                  { method => 'POST', path => '/Users', bulkId => 'b', data => { displayName => 'x', coat => 1 } });
my @got = warned_by(sub { $org->post('/Bulk', { schemas => [BULK], Operations => \@operations }) });
is_deeply [map { $_->{userName} // '-' } grep { $_->{detail} =~ /Baron/ } @got], [@made, $user->{userName}], 'each operation warns of its account';
is_deeply [details(grep { $_->{detail} !~ /Baron/ } @got)], [unknown('hat')], 'of the mapping once, of what was refused never';
is_deeply [map { "$_->{method} $_->{path} $_->{status}" } @got[-1, 0]], ["PATCH /$key/v2/Users/$user->{id} 200", "POST /$key/v2/Users 201"], 'with its own path and status';
is_deeply [map { $_->{accountId} // '-' } grep { ($_->{userName} // '') eq $made[0] } @got], [(sql('SELECT id FROM scim.account WHERE user_name = $1', $made[0]))[0][0]], 'and the id that was made';
my $many = organization();
@operations = map { { method => 'POST', path => '/Users', bulkId => $_, data => { schemas => [CORE], userName => $_, displayName => 'x', %{ role('Baron') } } } } map { user_name() } 1 .. 150;
is scalar(warned_by(sub { $many->post('/Bulk', { schemas => [BULK], Operations => \@operations }) }, $many)), 100, 'one request writes at most a hundred';

# What all providers send and nobody misses
my %okta = (schemas => [CORE], userName => user_name(), name => { givenName => 'T', familyName => 'U' }, emails => [{ primary => TRUE, value => 'a@example.com', type => 'work', display => 'a' }],
            displayName => 'T', locale => 'en-US', externalId => '00ujl29u0le5T6Aj10h7', groups => [], password => $secrets[1], active => TRUE);
my %entra = (schemas => [CORE, ENT, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/User'], externalId => 'x', userName => user_name(), active => TRUE,
             displayName => 'T', meta => { resourceType => 'User' }, roles => [], addresses => [{ primary => FALSE, type => 'work', country => 'x', formatted => 'y' }],
             ENT, { employeeNumber => '1', department => 'x', manager => { value => $user->{id}, displayName => 'x' } }, nickName => undef, sticker => '', badge => undef, hats => [], box => {});
my %onelogin = (schemas => ['urn:scim:schemas:core:2.0', 'urn:scim:schemas:extension:enterprise:2.0'], id => undef, userName => user_name(), name => { familyName => 'U', givenName => 'A' },
                active => 'true', displayName => 'x', emails => { value => 'x@example.com', primary => TRUE, type => 'work' }, preferredLanguage => '', timezone => '', meta => { resourceType => 'User' },
                ENT, { manager => { managerId => $user->{id}, displayName => 'x' } });
my $calm = organization();
sub calm_patch {
    my ($id, @ops) = @_;
    my $r = $calm->patch("/Users/$id", { schemas => [PATCHOP], id => $id, Operations => \@ops });
    is $r->{status}, 200, 'a usual PATCH' or diag $r->{content};
}
is_deeply [details(warned_by(sub {
    for my $body (\%okta, \%entra, \%onelogin) {
        my $r = $calm->post('/Users', $body);
        is $r->{status}, 201, 'a usual creation' or diag $r->{content};
        my $read = $calm->get("/Users/$r->{json}{id}")->{json};
        is $calm->put("/Users/$read->{id}", { %$read, groups => [], password => $secrets[1] })->{status}, 200, 'and a PUT of what was read';
    }
    my $id = $calm->create(timezone => 'Asia/Tokyo')->{id};
    calm_patch($id, op(replace => undef, { id => $id, schemas => [CORE], meta => { resourceType => 'User' }, groups => [], password => $secrets[1], displayName => 'y', sticker => '' }));
    calm_patch($id, { name => 'a', %{ op(Replace => 'displayName', 'z') } }, op(Add => 'password', $secrets[1]), op(Remove => 'sticker'), op(Replace => 'sticker', ''));
    calm_patch($id, op(Add => 'roles', [{ value => '{"id":"1","value":"USER","displayName":"User"}' }]));
    my $group = $calm->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group', 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
        externalId => 'g', displayName => random_name(), members => [], meta => { resourceType => 'Group' } })->{json};
    is $calm->patch("/Groups/$group->{id}", { schemas => [PATCHOP], Operations => [op(replace => undef, { id => $group->{id}, displayName => random_name() })] })->{status}, 204, 'a renaming';
    is $calm->put("/Groups/$group->{id}", { id => $group->{id}, displayName => random_name(), members => [{ value => $id, display => 'x', type => 'User' }] })->{status}, 200, 'and a PUT of the group';
}, $calm))], [], 'what all identity providers send is no warning';

# Strictly it is an error, or nothing is lost
my $strict = organization(profile => 'strict');
my $strictly = $strict->create(timezone => 'Asia/Tokyo');
is_deeply [details(warned_by(sub {
    is_error($strict->patch_ops($strictly->{id}, op(replace => 'favouriteColour', 'x')), 400, 'invalidPath', 'SCIMStrict: an unknown attribute at an explicit path is refused as before');
    is_error($strict->patch_ops($strictly->{id}, op(replace => 'timezone', 'Europe/Rome')), 400, 'mutability', 'and another value for what is set once');
}, $strict))], [], 'a refusal is no warning';

# Refused requests have none
is_deeply [warned_by(sub { $org->post('/Users', { userName => $user->{userName}, displayName => 'x', cape => 1 }) })], [], 'a request that is refused has no warning';

# Lists
my @all = entries($org, '--outcome', 'warning', '--count', 1000);
is_deeply [grep { $_->{outcome} ne 'warning' } @all], [], 'warnings can be asked for';
cmp_ok scalar @all, '>', 10, 'all of them';
is_deeply [grep { $_->{outcome} ne 'refused' } entries($org, '--outcome', 'refused')], [], 'and are no refused requests';
is_deeply [map { $_->{outcome} } grep { $_->{outcome} ne 'changed' } entries($org, '--account', $made[0])], ['warning'], 'the activity of an account has its warnings';
is scalar(entries($org, '--account', $user->{id}, '--outcome', 'warning')), scalar(grep { ($_->{accountId} // '') eq $user->{id} } @all), 'and these alone';
like scimctl('activity', 'list', $key, '--outcome', 'warning'), qr/warning 201 +POST \S+: The role 'Baron' is unknown, so the account is a GUEST\./, 'a table for people';
my $rows = join "\n", map { join ' ', map { $_ // '' } @$_ } sql('SELECT r::text FROM scim.refusal r');
is_deeply [grep { $rows =~ /\Q$_/ } @secrets], [], 'no value, password or filter is in the rows';
is_deeply [grep { error_log() =~ /\Q$_/ } @secrets], [], 'nor in the log';
like error_log(), qr/unknown attribute 'shoes\[\.\.\.\]\.value' ignored/, 'which has a note as well';

# Neither pushes the other out
sub count_of { return (sql("SELECT count(*) FROM scim.refusal WHERE organization_id = \$1 AND status $_[0] 400 @{[$_[1] // '']}", $many->{id}))[0][0] }
sql(q{INSERT INTO scim.refusal (organization_id, actor_name, method, path, status, detail, occurred_at)
      SELECT $1, 'x', 'GET', '/', 200 * (1 + n % 2), n, now() - interval '31 days' * (n <= 100)::integer FROM generate_series(1, 4000) n}, $many->{id});
# They are looked for with one in thirty-two, by chance.
for (1 .. 600) { $many->create("hat$_" => 1); last if count_of('<') == 1000 }
is_deeply [count_of('<'), count_of('>=', q{AND occurred_at > now() - interval '30 days'})], [1000, 1950], 'a warning leaves a thousand warnings, and refusals alone';
for (1 .. 600) { $many->post('/Users', {}); last if count_of('>=') == 1000 }
is_deeply [count_of('<'), count_of('>=')], [1000, 1000], 'a refusal leaves a thousand refusals, and warnings alone';
is +(sql(q{SELECT count(*) FROM scim.refusal WHERE organization_id = $1 AND occurred_at < now() - interval '30 days'}, $many->{id}))[0][0], 0, 'nothing older than 30 days';
my ($sequence) = @{ (sql('SELECT last_value FROM scim.event_sequence_seq'))[0] };
$org->patch_ops($user->{id}, op(replace => undef, role('Cook'))) for 1 .. 20;
is +(sql('SELECT last_value FROM scim.event_sequence_seq'))[0][0], $sequence, 'a warning that is not repeated writes nothing';

# It may be impossible to store it
sql_unchecked('REVOKE INSERT ON scim.refusal FROM scim');
my $r = $org->post('/Users', { userName => user_name(), displayName => 'x', scarf => 1 });
sql_unchecked('GRANT INSERT ON scim.refusal TO scim');
is $r->{status}, 201, 'a warning that cannot be stored does not change the answer';
like error_log(), qr/scim:error\].*SCIM0159: POST \S+: something was ignored, but Activity does not show it\. Cause: /, 'the log says why';

# A person who is forgotten
scimctl('account', 'forget', $key, $made[1], '--yes');
is_deeply [entries($org, '--account', $made[1], '--outcome', 'warning')], [], 'warnings about a person are forgotten with her';
done_testing;
