# SPDX-License-Identifier: Apache-2.0
# The audit of the journal finds every kind of fault: each is planted, in the answers
# or in the database.
use strict;
use warnings;
use lib 't/lib';
use Scim::Journal;
use Scim::Test;

own_server(conf => "SCIMRateLimit 0\n");     # its rows are changed by hand
my $PATCH = 'urn:ietf:params:scim:event:prov:patch:full';
my %kinds_seen;

# Correct traffic, in an organization of its own.
sub traffic {
    my ($writes) = @_;
    my $org = organization();
    my $journal = Scim::Journal->start($org, writers => 2);
    $journal->wait_for($writes);
    return $journal->stop;
}

sub finds {
    my ($name, $audit, @kinds) = @_;
    $kinds_seen{$_} = 1 for @kinds;
    is_deeply [sort keys %{ $audit->faults }], [sort @kinds], $name or diag explain $audit->faults;
}

my $well = traffic(40);
my $audit = $well->audit;
is_deeply $audit->faults, {}, 'a server that is well has no faults';
cmp_ok $audit->count('acknowledged'), '>=', 40, 'the acknowledged writes are counted';
cmp_ok $audit->{gap}, '>', 0, 'the longest time without one is measured';
cmp_ok $audit->{slowest}, '>', 0, 'the longest request as well';
my %asked = map { $_->{what} => 1 } $well->entries;
is_deeply [sort keys %asked], [qw(activate create deactivate delete get match patch)], 'the writers do it all';

# The same journal with a modified database.  There are accounts with more than three
# versions; one is $1.
my @tampered = (
    ['an account that has vanished', [qw(lost)], 'DELETE FROM scim.account WHERE id = $1'],
    ['a change that was undone', [qw(lost)], q{UPDATE scim.account SET attributes = attributes || '{"title": "w0"}' WHERE id = $1}],
    ['an activation that was undone', [qw(lost)], 'UPDATE scim.account SET active = NOT active WHERE id = $1'],
    ['a version that has gone back', [qw(backwards lost)], 'UPDATE scim.account SET version = version - 2 WHERE id = $1'],
    ['a version that nobody has made', [qw(doubled event_missing)], 'UPDATE scim.account SET version = version + 1, attributes = attributes - $3 WHERE id = $1'],
    ['an account that nobody has created', [qw(doubled event_missing)],
     q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT organization_id, 'twin@example.com', 'x' FROM scim.account WHERE id = $1}],
    ['a change without event', [qw(event_missing)], 'DELETE FROM scim.event WHERE account_id = $1 AND version = 2 AND kind = $2'],
    ['a deactivation without event', [qw(event_missing)], q{DELETE FROM scim.event WHERE account_id = $1 AND kind LIKE '%:deactivate'}],
    ['an event that is there twice', [qw(event_doubled)],
     'INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_id, actor_name, version, data)
      SELECT organization_id, account_id, kind, actor_kind, actor_id, actor_name, version, data FROM scim.event WHERE account_id = $1 AND version = 2 AND kind = $2'],
    ['a change that was done twice', [qw(doubled)],
     'UPDATE scim.account SET version = version + 1 WHERE id = $1;
      INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_id, actor_name, version, data)
      SELECT e.organization_id, account_id, kind, actor_kind, actor_id, actor_name, a.version, data
      FROM scim.event e JOIN scim.account a ON a.id = e.account_id WHERE account_id = $1 AND e.version = 2 AND kind = $2'],
    ['events in another order', [qw(event_missing event_order)],
     'UPDATE scim.event SET transaction_id = (SELECT max(transaction_id) FROM scim.event WHERE account_id = $1) WHERE account_id = $1 AND version = 1'],
    ['an event that tells of another change', [qw(lost)],
     q{UPDATE scim.event SET data = '{"after": {"title": "w0"}}' WHERE account_id = $1 AND version = 2 AND kind = $2}],
);
for my $case (@tampered) {
    my ($name, $kinds, $statement) = @$case;
    my ($journal, $id);
    until ($id) {
        $journal = traffic(25);
        ($id) = map { $_->[0] } sql('SELECT id FROM scim.account WHERE organization_id = $1 AND version > 3 AND id <> $2 LIMIT 1',
                                    $journal->{org}{id}, $journal->{org}{issuer});
    }
    sql_unchecked($statement, $id, $PATCH, 'nothing');
    finds($name, $journal->audit, @$kinds);
    finds("$name, which may be", $journal->audit(undef, others => 1)) if $name =~ /nobody has created/;
}

# The output for followers.
my $scimctl = Scim::Server->can('scimctl');
for my $case (['an event that followers miss', '3d', 'event_missing'], ['an event that they get twice', '3p', 'event_doubled'],
              ['events that they get in another order', '3{h;d};7G', 'event_order']) {
    my ($name, $edit, $kind) = @$case;
    no warnings 'redefine';
    local *Scim::Server::scimctl = sub { return ('sh', '-c', '"$@" | sed "$0"', $edit, $scimctl->(@_)) };
    finds($name, $well->audit, $kind);
}

# The same database, with a journal of other answers.
my $org = organization();
my $name = user_name();
my $user = $org->create(userName => $name, title => 'm1');
$org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'm2' });
my %entry = (name => $name, id => $user->{id}, took => 0.01, retry => '', scim => 1, version => '', title => '', shown => 1,
             found => '', found_id => $user->{id}, error => '', mark => '', active => '');
my $at = 0;
sub answer { my ($what, $status, %more) = @_; return { %entry, at => ++$at, what => $what, status => $status, %more } }
my @honest = (answer(create => 201, mark => 'm1', title => 'm1', version => 1), answer(patch => 200, mark => 'm2', title => 'm2', version => 2));
sub told { my (@more) = @_; return Scim::Journal->of_entries($org, @honest, @more)->audit }

finds('correct answers have no faults', told());
my %shown = (title => 'm2', version => 2);
my @answers = (
    ['401', 'wrong', answer(get => 401)],
    ['404 for an account that is there', 'wrong', answer(get => 404)],
    ['404 for a change of it', 'wrong', answer(patch => 404, mark => 'm3')],
    ['an empty match for it', 'wrong', answer(match => 200, found => 0, found_id => '')],
    ['409 for a change', 'wrong', answer(patch => 409, mark => 'm3')],
    ['500', 'wrong', answer(get => 500)],
    ['503 without Retry-After', 'wrong', answer(get => 503)],
    ['503 that is not SCIM', 'wrong', answer(get => 503, retry => 5, scim => 0)],
    ['200 that is not SCIM', 'wrong', answer(get => 200, %shown, scim => 0)],
    ['an earlier state', 'backwards', answer(get => 200, title => 'm1', version => 1)],
    ['the same version with another content', 'wrong', answer(get => 200, title => 'm1', version => 2)],
    ['the same version, deactivated', 'wrong', answer(get => 200, %shown, shown => 0)],
    ['a change that nobody has asked for', 'wrong', answer(get => 200, title => 'm9', version => 3), 'doubled', 'lost'],
    ['two accounts of the name', 'doubled', answer(match => 200, found => 2)],
    ['another account of the name', 'doubled', answer(match => 200, %shown, found => 1, found_id => $org->{issuer})],
    ['a second creation', 'doubled', answer(create => 201, %shown, mark => 'm2'), 'backwards'],
    ['a change that is not there', 'lost', answer(patch => 200, mark => 'm3', title => 'm3', version => 3), 'event_missing'],
    ['a deletion that is not there', 'lost', answer(delete => 204), 'event_missing'],
);
for my $case (@answers) {
    my ($what, $kind, $answer, @others) = @$case;
    finds("the answer: $what", told($answer), $kind, @others);
}

# After 503 or no answer, the write may have been made.
my $maybe = answer(patch => 503, retry => 5, mark => 'm3');
finds('a write that was answered 503 may be absent', told($maybe, answer(get => 200, %shown)));
finds('a missing answer is not a fault of the data', $audit = told(answer(patch => 0, mark => 'm3', error => 'connection closed')));
is $audit->count('unanswered'), 1, 'but counted';
$org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'm3' });
finds('or there', told($maybe));
finds('and seen', told($maybe, answer(get => 200, title => 'm3', version => 3)));
finds('but not as something else', told($maybe, answer(get => 200, title => 'm4', version => 3)), 'lost', 'wrong');
$org->delete("/Users/$user->{id}");
$maybe = answer(delete => 0);
finds('a deletion without an answer may be seen', told($maybe, answer(match => 200, found => 0, found_id => '')));
is_deeply [grep { !$kinds_seen{$_} } sort keys %Scim::Audit::KINDS], [], 'every kind is found';
done_testing;
