# SPDX-License-Identifier: Apache-2.0
# docs/openapi.json describes the settings API and events as they are.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Server;
use Scim::Test;

sub content {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

my $json = JSON::PP->new->utf8;
my $document = $json->decode(content('docs/openapi.json'));
my $org = organization();
my @answers;

# An answer with the place of its schema.
sub call {
    my ($method, $path, %o) = @_;
    my ($template) = $path =~ s/\?.*//r =~ s{/[0-9a-f-]{36}$}{/{id}}r;
    my $r = Scim::Test::http()->request($method, "/organizations/$org->{key}/api$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url},
         'Content-Type' => 'application/json'], $o{body} ? $json->encode($o{body}) : undef);
    my $status = $r->{status} >= 400 ? substr($r->{status}, 0, 1) . 'XX' : $r->{status};
    my $schema = $document->{paths}{$template}{ lc $method }{responses}{$status}
        or return fail "$method $template $status is described";
    return pass "$method $template has no content" if !length $r->{content} && !$schema->{content};
    my $value = $json->decode($r->{content});
    push @answers, { name => "$method $path $r->{status}", value => $value,
                     at => ['paths', $template, lc $method, 'responses', $status, 'content', 'application/json', 'schema'] };
    return $value;
}

my $user = $org->create(roles => [{ value => 'USER' }], emails => [{ value => 'a@example.com', primary => JSON::PP::true }]);
my @groups = map {
    my ($name, $member) = @$_;
    $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => $name,
                            members => [{ value => $member }] })->{json}{id};
} ['Inner', $user->{id}];
push @groups, $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Outer',
                                      externalId => 'outer', members => [{ value => $groups[0] }] })->{json}{id};
is $org->post('/Users', { userName => $user->{userName} })->{status}, 409, 'a refused request for Activity';

call(GET => '/settings');
call(PUT => '/settings', body => { enabled => JSON::PP::true });
call(PUT => '/settings', body => { state => $_ }) for 'paused', 'enabled', 'stopped';
call(PUT => '/settings', body => { enabled => 'yes' });
call(PUT => '/settings', body => { provisionedReadOnly => JSON::PP::false });
call(GET => '/guard');
call(PUT => '/guard', body => { number => 1, percent => 1 });
call(PUT => '/guard', body => { percent => 101 });
$org->delete('/Users/' . $org->create->{id}) for 1 .. 2;
call(GET => '/guard');
call(POST => '/guard', body => {});
my $token = call(POST => '/tokens', body => { name => 'second', expires => '2999-01-01T00:00:00Z' });
call(GET => '/tokens');
call(DELETE => "/tokens/$token->{id}");
call(DELETE => "/tokens/$token->{id}");
call(GET => '/members?count=1');
call(GET => '/members?search=a&sort=displayName&order=descending');
call(GET => '/member-total?search=a');
call(GET => "/members/$user->{id}");
call(PATCH => "/members/$user->{id}", body => { displayName => 'Changed', role => 'GUEST', active => JSON::PP::false });
call(PATCH => "/members/$user->{id}", body => { role => 'BOSS' });
call(GET => "/member-groups/$user->{id}");
call(GET => '/groups?count=1');
call(GET => "/groups/$_"), call(GET => "/group-members/$_"), call(GET => "/group-children/$_"), call(GET => "/group-parents/$_") for @groups;
call(GET => '/counts');
call(GET => '/activity?count=3');
call(POST => '/undo', body => { account => $user->{userName}, dryRun => JSON::PP::true });
call(POST => '/undo', body => { since => '2020-01-01T00:00:00Z', dryRun => JSON::PP::true });
call(POST => '/undo', body => { kind => 'nothing', dryRun => JSON::PP::true });
call(GET => '/activity');
Scim::Server::wait_until('a request in the log', 10, sub {
    (sql('SELECT count(*) FROM scim.request WHERE organization_id = $1', $org->{id}))[0][0] > 0;
});
call(GET => '/requests?count=2');
call(GET => '/requests');
call(GET => '/requests?outcome=none');
call(GET => '/health');
call(GET => '/activity?account=' . ($_ // uri($user->{userName}))) for undef, 'nner', 'nobody';
call(GET => '/activity?kind=nothing');
call(GET => '/activity-actors');
my $events = Scim::Process::run([server()->scimctl('--json', 'events', $org->{key})])->{out};
push @answers, map { { name => "event $_->{sequence}: $_->{kind}", value => $_, at => ['components', 'schemas', 'Event'] } }
    map { $json->decode($_) } split /\n/, $events;

my $file = server()->{dir} . '/answers.jsonl';
Scim::Server::write_file($file, join '', map { $json->encode({ at => $_->{at}, value => $_->{value} }) . "\n" } @answers);
my $run = Scim::Process::run(['node', 't/browser/openapi.mjs', $file], limit => 60);
is $run->{status}, 0, 'the validator runs' or diag $run->{err};
my ($wrong, @errors) = split /\n/, $run->{out};
is $wrong, '[]', 'the document is OpenAPI';
is $errors[$_] // 'nothing', '[]', "as described: $answers[$_]{name}" or diag $json->encode($answers[$_]{value}) for 0 .. $#answers;

# The table of the module.
my @routes = map { my ($path, $id, $method) = @$_; lc($method) . " /$path" . ($id ? '/{id}' : '') }
    map { [/"api\/([\w.-]+)", (\d), M_(\w+)/] } content('httpd/scim_admin_api.c') =~ /(\{ "api\/[\w.-]+", \d, M_\w+)/g;
my @described = map { my $path = $_; map { "$_ $path" } keys %{ $document->{paths}{$path} } } keys %{ $document->{paths} };
is_deeply [sort @described], [sort @routes], 'every operation is described, and no other';
my ($event) = map { $json->decode($_) } split /\n/, $events;
is_deeply [sort keys %$event], [sort keys %{ $document->{components}{schemas}{Event}{properties} }], 'and every member of an event';
done_testing;
