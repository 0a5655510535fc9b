# SPDX-License-Identifier: Apache-2.0
# What scimctl prints with --json has the members that docs/scimctl.md names, of the
# types that it says, and no others.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use JSON::PP ();
use Scim::Process;
use Scim::Test;

my $server = own_server();     # its tables are made
my ($program, @db) = $server->scimctl;
my $org = organization();
my $key = $org->{key};
my $new = "$key-2";

# The table (\x60 is a backtick): command => { form, members => { name => type }, optional, open }
my $chapter = do { open my $in, '<', 'docs/scimctl.md' or die $!; local $/; <$in> =~ s/\A.*^## JSON\n//msr };
my %documented;
for my $row ($chapter =~ /^\| (\x60.*) \|$/mg) {
    my ($commands, $form, $members) = split / \| /, $row;
    my %shape = (form => $form, open => scalar $members =~ /, and more;/);
    my ($same) = $members =~ /^as \x60([^\x60]+)\x60/;
    $shape{members} = { %{ $documented{$same}{members} } } if $same;
    $shape{open} ||= $documented{$same}{open} if $same;
    while ($members =~ /\x60(\w+)(\??)\x60 (string|number|boolean|time|array|object)\b/g) {
        $shape{members}{$1} = $3;
        $shape{optional}{$1} = 1 if $2;
    }
    $documented{$_} = \%shape for $commands =~ /\x60([^\x60]+)\x60/g;
}

sub type_of {
    my ($value) = @_;
    return 'null' if !defined $value;
    return ref $value eq 'ARRAY' ? 'array' : ref $value eq 'HASH' ? 'object' : 'boolean' if ref $value;
    return 'number' if JSON::PP->new->allow_nonref->encode($value) !~ /^"/;
    return $value =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z\z/ ? 'time' : 'string';
}

# Run the command and compare the objects with the table; returns the first one.
my %seen;
my $input = '';
sub check {
    my ($command, @arguments) = @_;
    my $done = Scim::Process::run([$program, @db, '--json', split(/ /, $command), @arguments], input => $input);
    my $is = $documented{$command} or return fail "docs/scimctl.md has the JSON of $command";
    # These may find something.
    cmp_ok $done->{status}, '<=', $command =~ /^(?:check|compare)$/ ? 1 : 0, "$command --json" or diag $done->{err};
    my $value = $is->{form} eq 'lines' ? [map { JSON::PP::decode_json($_) } split /\n/, $done->{out}] : JSON::PP::decode_json($done->{out});
    is type_of($value), $is->{form} eq 'object' ? 'object' : 'array', "$command prints what is documented: $is->{form}";
    my @objects = $is->{form} eq 'object' ? $value : @$value;
    my @wrong;
    for my $object (@objects) {
        for my $name (sort keys %$object) {
            my ($type, $expected) = (type_of($object->{$name}), $is->{members}{$name} // '');
            $seen{$command}{$name} = 1;
            push @wrong, "$name is $type" if $expected ne $type && $type ne 'null' && !($is->{open} && !$expected);
            push @wrong, "$name is not documented" if !$expected && !$is->{open};
        }
        push @wrong, map { "$_ is missing" } grep { !exists $object->{$_} && !$is->{optional}{$_} } sort keys %{ $is->{members} };
    }
    is_deeply \@wrong, [], "with the members of docs/scimctl.md: $command";
    return $objects[0];
}

my $csv = File::Temp->new(SUFFIX => '.csv');
print $csv "userName,displayName,role,syncEligible,externalId,preferredLanguage,timezone\n",
    "boss\@example.com,Boss,ADMIN,,,,\nold\@example.com,Old,USER,false,x1,ja,Asia/Tokyo\n";
close $csv;
my $inner = $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Inner' })->{json}{id};
$org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Outer', externalId => 'o',
    members => [{ value => $inner }, { value => $org->{issuer} }] });
$org->post('/Users', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:User'], userName => $org->{issuer_name}, displayName => 'Twice' });
sql(q{INSERT INTO scim.relay (name, history, transaction_id, sequence, refused, attempts, last_error, last_error_at)
      SELECT $1, history, transaction_id, sequence, sequence, 1, 'no', now() FROM scim.event ORDER BY sequence LIMIT 1}, "json-$key");

sql(q{INSERT INTO scim.request (organization_id, occurred_at, token_id, actor_name, method, path, status, request_id, duration)
      VALUES ($1, now(), gen_random_uuid(), 'test', 'GET', '/x', 200, 'x', 1)}, $org->{id});

my ($outer) = map { $_->{id} } grep { $_->{displayName} eq 'Outer' } @{ $org->get('/Groups?excludedAttributes=members')->{json}{Resources} };
my $changed = $org->create;
$org->patch_ops($changed->{id}, { op => 'replace', path => 'title', value => 'T' });
$org->patch("/Groups/$outer", { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'externalId', value => 'p' },
    { op => 'add', path => 'members', value => [{ value => $changed->{id} }] }, { op => 'remove', path => qq{members[value eq "$org->{issuer}"]} }] });

Scim::Process::run([$program, @db, 'org', 'add', $new, '--domain', 'example.com']);
Scim::Process::run([$program, @db, 'account', 'import', $new, "$csv"]);
my $token;
my @runs = (
    ['org add', "$new-3"], ['org enable', $new], ['org list'], ['org show', $new], ['org url', $new, '--base', 'https://h/scim'],
    ['org pause', $new], ['org resume', $new], ['org disable', $new], ['org rename', "$new-3", '--name', 'Three'], ['org domains', "$new-3", 'example.com'],
    ['org guard', "$new-3", '--number', 1, '--percent', 5, '--open'],
    ['org delete', "$new-3", '--yes'], ['token generate', $key, '--issuer', $org->{issuer_name}, '--name', 'json', '--days', 1],
    ['token list', $key], ['token delete', $key, sub { $token->{id} }], ['account list', $new],
    ['account import', $new, "$csv", '--update'],
    ['drift', $new], ['compare', $new, "$csv", '--key', 'externalId'],
    ['account show', $new, 'old@example.com'], ['account eligible', $new, 'old@example.com'], ['account set', $new, 'old@example.com', 'title=T'],
    ['account deactivate', $new, 'old@example.com'], ['account activate', $new, 'old@example.com'],
    ['account export', $new], ['account delete', $new, 'old@example.com', '--yes'],
    ['account forget', $new, 'boss@example.com', '--dry-run'], ['group list', $key], ['group show', $key, 'Outer'],
    ['group members', $key, 'Outer'], ['group delete', $key, 'Inner', '--yes'], ['request list', $key], ['events', $key], ['relay list'],
    (map { ['undo', $key, '--yes', '--since', '2020-01-01', '--kind', $_] } qw(create change delete)),
    ['activity list', $key], ['event purge', '--older-than', 3000, '--dry-run'],
    ['db create', '--db', "host=$server->{pghost} dbname=scim user=postgres"], ['db create', '--db', "host=$server->{pghost} dbname=other user=postgres"],
    ['org move', $new, '--to', "host=$server->{pghost} dbname=other user=scim_owner", '--dry-run'], ['db status'], ['db upgrade', '--dry-run'], ['check'], ['relay skip', "json-$key"], ['help'],
);
for my $run (@runs) {
    my ($command, @arguments) = @$run;
    my $object = check($command, map { ref ? $_->() : $_ } @arguments);
    $token = $object if $command eq 'token generate';
}

# An organization goes, and comes back.
$input = Scim::Process::run([$program, @db, 'org', 'export', $new])->{out};
check('org delete', $new, '--yes');
check('org import');

# Both ways
my @commands = map { $_->{command} } @{ JSON::PP::decode_json(Scim::Process::run([$program, '--json', 'help'])->{out}) };
my %run = map { ($_ => 1) } 'org import', map { $_->[0] } @runs;
is_deeply [grep { !$run{$_} } @commands], ['org export', 'relay'],
    'every other command that prints an object or a list is tried here';
for my $command (sort keys %documented) {
    is_deeply [grep { !$seen{$command}{$_} } sort keys %{ $documented{$command}{members} }], [], "every documented member is there: $command";
}
done_testing;
