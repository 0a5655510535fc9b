# SPDX-License-Identifier: Apache-2.0
# Many concurrent clients change one group: no change is lost.
# SCIM_TEST_ROUNDS=20 for longer.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Process;
use Scim::Race;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $server = own_server();      # this test holds its locks and kills its processes
my $org = organization();
my $ROUNDS = $ENV{SCIM_TEST_ROUNDS} || 2;
my $MANY = 50_000;

sub status { return shift->{status} }
sub change { return status(change_group($org, @_)) }
sub replace_group {
    my ($id, $name, @members) = @_;
    return status($org->put("/Groups/$id", { schemas => [GROUP], displayName => $name, members => refs(@members) }));
}
sub others { my ($allowed, @statuses) = @_; return [grep { !/^(?:$allowed)\z/ } @statuses] }

# Apply the events of a group in order: [the members at the end, contradictions].  A
# contradiction adds a member again, or removes an account that is not a member.
sub replayed {
    my ($id) = @_;
    my (%in, @wrong);
    for my $row (sql(q{SELECT sequence, data FROM scim.event WHERE organization_id = $1 AND resource_type = 'Group'
                       AND resource_id = $2 ORDER BY version, sequence}, $org->{id}, $id)) {
        my $data = length $row->[1] ? JSON::PP::decode_json($row->[1]) : {};
        for my $member (@{ $data->{removed} || [] }) {
            push @wrong, "$row->[0] removes $member" unless delete $in{$member};
        }
        for my $member (@{ $data->{added} || [] }) {
            push @wrong, "$row->[0] adds $member" if $in{$member}++;
        }
    }
    return [[sort keys %in], \@wrong];
}
sub events_fit {
    my ($id, $name) = @_;
    return is_deeply replayed($id), [members($org, $id), []], "$name: the events tell the same story";
}
sub version_number { my ($id) = @_; return (sql('SELECT version FROM scim.user_group WHERE id = $1', $id))[0][0] }

sub additions_and_removals {
    my ($round) = @_;
    my @people = accounts($org, 40);
    my $id = group($org)->{id};
    my $start = version_number($id);
    my @statuses = together($org, 40, sub { return change($id, add_members($people[$_[0]])) });
    is_deeply others(204, @statuses), [], "40 parallel additions of one member are all done ($round)";
    is_deeply members($org, $id), [sort @people], "and all 40 are kept ($round)";
    is version_number($id), $start + 40, "each is a version of its own ($round)";
    @statuses = together($org, 40, sub {
        my $member = $people[$_[0]];
        return change($id, $_[0] % 2 ? bracket($member) : remove_members($member));
    });
    is_deeply others(204, @statuses), [], "40 parallel removals are all done ($round)";
    is_deeply members($org, $id), [], "and no member is left ($round)";
    is version_number($id), $start + 80, "each is a version, too ($round)";
    events_fit($id, "additions and removals ($round)");
}

# Each writer has members of its own, so the final members are known beforehand.
sub mixed_writers {
    my ($round) = @_;
    my @people = accounts($org, 256);
    my %make = (add => \&add_members, remove => \&remove_members, bracket => \&bracket);
    my (%set, @plans);
    for my $writer (0 .. 63) {
        my @own = @people[4 * $writer .. 4 * $writer + 3];
        for my $step (1 .. 3) {
            my @some = grep { rand() < 0.6 } @own;
            my $kind = (qw(add add remove bracket))[rand 4];
            next if $kind eq 'bracket' && !@some;
            push @{ $plans[$writer] }, $make{$kind}->(@some);
            $kind eq 'add' ? @set{@some} = (1) x @some : delete @set{@some};
        }
    }
    my $id = group($org)->{id};
    my @statuses = together($org, 64, sub {
        my ($writer) = @_;
        my @said = map { change($id, $_) } @{ $plans[$writer] || [] };
        push @said, change($id, { op => 'replace', path => 'externalId', value => "by $writer" }) if $writer % 16 == 0;
        return join ' ', @said;
    });
    is_deeply others(204, map { split ' ' } @statuses), [], "64 mixed writers are all answered 204 ($round)";
    is_deeply members($org, $id), [sort keys %set], "and agree with the model ($round)";
    events_fit($id, "mixed writers ($round)");
}

# Writers that add and remove the same member: one after the other, in any order.
sub same_member {
    my ($round) = @_;
    my ($member) = accounts($org, 1);
    my $id = group($org)->{id};
    my @statuses = together($org, 16, sub { return change($id, $_[0] % 2 ? add_members($member) : bracket($member)) });
    is_deeply others(204, @statuses), [], "additions and removals of one member are all answered 204 ($round)";
    events_fit($id, "one member ($round)");
}

sub put_against_patch {
    my ($round) = @_;
    my @people = accounts($org, 30);
    my (@before, @wanted, @added);
    (@before[0 .. 9], @wanted[0 .. 9], @added[0 .. 9]) = @people;
    my $group = group($org);
    my $id = $group->{id};
    change($id, add_members(@before));
    my @statuses = together($org, 16, sub {
        my ($i) = @_;
        return replace_group($id, $group->{displayName}, @wanted) if $i < 2;
        return change($id, $i < 12 ? add_members($added[$i - 2]) : bracket($wanted[$i - 12]));
    });
    is_deeply others('200|204', @statuses), [], "two PUTs among PATCHes are all answered ($round)";
    my %left = map { $_ => 1 } @{ members($org, $id) };
    is_deeply [grep { $left{$_} } @before], [], "no member from before the PUTs is left ($round)";
    is_deeply [grep { !$left{$_} } @wanted[4 .. 9]], [], "members of a PUT that no PATCH removes are there ($round)";
    events_fit($id, "PUT against PATCH ($round)");
}

sub deletions {
    my ($round) = @_;
    my @people = accounts($org, 16);
    my $id = group($org)->{id};
    change($id, add_members(@people[0 .. 7]));
    my @statuses = together($org, 32, sub {
        my ($i) = @_;
        return 'D' . status($org->delete("/Users/$people[$i]")) if $i < 16;
        return 'P' . change($id, $i < 24 ? add_members($people[$i - 8]) : remove_members($people[$i - 24]));
    });
    is_deeply others('D204|P204|P400', @statuses), [], "accounts are deleted while they come and go ($round)";
    is_deeply members($org, $id), [], "and none is left as a member ($round)";
    my @doomed = accounts($org, 8);
    @statuses = together($org, 9, sub {
        my ($i) = @_;
        return $i == 4 ? 'D' . status($org->delete("/Groups/$id")) : 'P' . change($id, add_members($doomed[$i]));
    });
    is_deeply others('D204|P204|P404', @statuses), [], "a group is deleted while members are added ($round)";
    is_deeply [grep { /D/ } @statuses], ['D204'], "which succeeds ($round)";
    is $org->get("/Groups/$id")->{status}, 404, "and it is gone ($round)";
    my ($left) = sql('SELECT count(*) FROM scim.membership WHERE group_id = $1', $id);
    is $left->[0], 0, "with its memberships ($round)";
}

sub conditions_and_names {
    my ($round) = @_;
    my @people = accounts($org, 8);
    my $id = group($org)->{id};
    my $tag = etag_of($org, $id);
    my @statuses = together($org, 8, sub {
        my $body = { schemas => [PATCHOP], Operations => [add_members($people[$_[0]])] };
        return status($org->patch("/Groups/$id", $body, headers => { 'If-Match' => $tag }));
    });
    is_deeply [sort @statuses], [204, (412) x 7], "of eight writers with the same If-Match one wins ($round)";
    my $name = random_name();
    @statuses = together($org, 4, sub {
        return status($org->post('/Groups', { schemas => [GROUP], displayName => $_[0] % 2 ? uc $name : $name }));
    });
    is_deeply [sort @statuses], [201, (409) x 3], "of four parallel POSTs of one name one wins ($round)";
}

# Each of the groups becomes a member of the next one.
sub circles {
    my ($round) = @_;
    for my $length (2, 3, 5) {
        my @ring = map { group($org)->{id} } 1 .. $length;
        my @statuses = together($org, $length, sub {
            my ($i) = @_;
            return change($ring[$i], add_members($ring[($i + 1) % $length]));
        });
        is_deeply others('204|400', @statuses), [], "a circle of $length at once: a link is made or refused ($round)";
        cmp_ok scalar(grep { $_ == 204 } @statuses), '<', $length, "and not all of them are made ($round)";
        my ($made) = sql('SELECT count(*) FROM scim.subgroup WHERE group_id = ANY ($1::uuid[])',
                         '{' . join(',', @ring) . '}');
        is $made->[0], scalar(grep { $_ == 204 } @statuses), "the answers agree with the database ($round)";
    }
}

# A session of another client of the database.
sub session { return Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe', err => 'out') }
sub ask {
    my ($session, $sql) = @_;
    $session->say("$sql SELECT 'done';");
    1 until ($session->line // 'done') eq 'done';
}

# The sessions of httpd that are in this state.
sub sessions {
    my ($condition) = @_;
    return map { $_->[0] } sql('SELECT pid FROM pg_stat_activity'
        . " WHERE usename = 'scim' AND datname = current_database() AND $condition");
}
sub waiting { return sessions("wait_event_type = 'Lock'") }

# A change that waits for another one must see its effect: otherwise a removal would
# miss a member.
sub waits_and_sees {
    my ($round) = @_;
    my ($old, $new, $wanted) = accounts($org, 3);
    my %change = (
        'replace' => [sub { return change($_[0], replace_members($wanted)) }, [$wanted]],
        'PUT' => [sub { return replace_group($_[0], "PUT $_[0]", $wanted) }, [$wanted]],
        'remove' => [sub { return change($_[0], remove_members($new)) }, [$old]],
        'remove all' => [sub { return change($_[0], { op => 'remove', path => 'members' }) }, []],
        'add' => [sub { return change($_[0], add_members($wanted)) }, [$old, $new, $wanted]],
    );
    for my $kind (sort keys %change) {
        my ($code, $expected) = @{ $change{$kind} };
        my $id = group($org, members => [$old])->{id};
        my $session = session();
        ask($session, "BEGIN; SELECT 1 FROM scim.user_group WHERE id = '$id' FOR UPDATE;"
            . ' INSERT INTO scim.membership (organization_id, group_id, account_id)'
            . " VALUES ('$org->{id}', '$id', '$new');");
        my $client = Scim::Process->start(sub { print $code->($id), "\n" }, out => 'pipe');
        Scim::Server::wait_until('the change waits', 10, sub { waiting() });
        ask($session, 'COMMIT;');
        like $client->line, qr/^20[04]\z/, "$kind waits for an addition ($round)";
        $client->wait;
        $session->stop;
        is_deeply members($org, $id), [sort @$expected], "$kind sees it ($round)";
    }
}

my @races = ([\&additions_and_removals, 'additions and removals'], [\&mixed_writers, 'mixed writers'],
             [\&same_member, 'one member'], [\&put_against_patch, 'PUT and PATCH'], [\&deletions, 'deletions'],
             [\&conditions_and_names, 'conditions and names'], [\&circles, 'circles'], [\&waits_and_sees, 'waits']);
for my $round (1 .. $ROUNDS) {
    for (@races) {
        my ($race, $name) = @$_;
        my $start = time;
        $race->("round $round");
        note sprintf '%s: %.1f s', $name, time - $start;
    }
}

# httpd's child or PostgreSQL's process is killed in the middle of a PUT of 50,000
# members: it is applied as a whole or not at all.
my $group = group($org, members => [accounts($org, 10)]);
my @many = accounts($org, $MANY);
sql('ANALYZE');       # as PostgreSQL itself does after such a load, within a minute
my $small = body(map { $_->{value} } @{ $group->{members} });
my $large = body(@many);
sub body {
    return qq({"schemas":["@{[GROUP]}"],"displayName":"$group->{displayName}","members":[)
        . join(',', map { qq({"value":"$_"}) } @_) . ']}';
}
# The answer has no members: decoding them takes longer than the rest.
sub put {
    my ($body, %how) = @_;
    return $org->put("/Groups/$group->{id}?excludedAttributes=members", $body, how => {%how});
}
sub stored {
    return map { @$_ } sql('SELECT (SELECT count(*) FROM scim.membership WHERE group_id = $1),
                                   (SELECT version FROM scim.user_group WHERE id = $1)', $group->{id});
}
sub is_idle {
    my $busy = eval { [sessions("state <> 'idle'")] };
    return $busy && !@$busy;
}
my %victims = (
    "httpd's child" => sub { return split ' ', Scim::Process::run(['pgrep', '-P', $server->httpd_pid])->{out} },
    "PostgreSQL's process" => sub { return sessions("state = 'active'") },
);

# $moment: seconds after the request; undef: while the request waits for the table of
# events.
my $duration;
sub kill_in_the_middle {
    my ($whom, $moment, $name) = @_;
    my (undef, $version) = stored();
    my $session = session();
    ask($session, 'BEGIN; LOCK TABLE scim.event IN SHARE MODE;') unless defined $moment;
    my $send = sub { print eval { status(put($large, once => 1)) } // 'none', "\n" };
    my $client = Scim::Process->start($send, out => 'pipe');
    defined $moment ? sleep $moment : Scim::Server::wait_until('the PUT is in the middle', 20, sub { waiting() });
    my @victims = $victims{$whom}->();
    kill 'KILL', @victims;
    my $answer = $client->line;
    $client->wait;
    $session->kill;
    Scim::Server::wait_until('the database is at rest', 30, \&is_idle);
    my ($count, $after) = stored();
    ok $count == 10 || $count == $MANY, "$name: all or nothing" or diag "$count members";
    is $after != $version, $count == $MANY, "$name: and the version says which" or diag "$version, $after";
    is $count, $MANY, "$name: the acknowledged members are there" if $answer eq '200';
    Scim::Server::wait_until('requests are answered', 30, sub {
        return (eval { status($org->get('/Users?count=0')) } // 0) == 200;
    });
    my $start = time;
    is put($large)->{status}, 200, "$name: once more, it succeeds";
    $duration = time - $start;
    is +(stored())[0], $MANY, "$name: with all members";
    is put($small)->{status}, 200, "$name: and back";
    is +(stored())[0], 10, "$name: to the few";
}

# The first round measures $duration.
for my $round (1 .. ($ROUNDS > 2 ? $ROUNDS : 1)) {
    kill_in_the_middle($_, $round > 1 ? rand $duration : undef, "$_ is killed in round $round") for sort keys %victims;
}
done_testing;
