# SPDX-License-Identifier: Apache-2.0
# The rows of bench/run on groups.  The head of bench/run says what each of them
# compares; %ROW measures.
#
# Accounts up to $OUTSIDERS are members of no group, but for group-gate of "People".
# The groups "Small" and "Large", and for group-million "Everybody", have those that
# come next.
package Groups;
use strict;
use warnings;
use Exporter qw(import);
use Load qw($KEY $SPREAD $ID_SQL %LUA psql load_accounts wrk_rate gate_rate timed median);
use Scim::Server;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(is_group_row measure_groups);

my $OUTSIDERS = 10_000;
my $GROUPS = 1000;      # "Group 1", "Group 2", ...
my $LARGE = 50_000;
my $SMALL = 10;
my $MILLION = 1_000_000;

my ($server, $option);
my %id;                 # the group's id, by its name

# The rows that groups are made of.

# The id of account n, as $ID_SQL has it.
sub account_id {
    my ($n) = @_;
    return sprintf '%08x-0000-4000-8000-%012d', $n * $SPREAD % 4294967296, $n;
}

# Members by a query of organization, group and account, without checks and counts for
# each row, which would take longer than the rest.
sub load_members {
    my ($query) = @_;
    psql($server, "SET session_replication_role = replica; INSERT INTO scim.membership"
        . " (organization_id, group_id, account_id) $query", 'postgres');
    psql($server, 'VACUUM ANALYZE scim.user_group, scim.membership', 'postgres');
}

# A group of $count accounts, beginning with $first.
sub load_group {
    my ($name, $first, $count) = @_;
    ($id{$name}) = psql($server, "INSERT INTO scim.user_group (organization_id, display_name)"
        . " SELECT id, '$name' FROM scim.organization WHERE key = '$KEY' RETURNING id");
    my $account = $ID_SQL =~ s/N\b/n/gr;
    load_members(<<"SQL");
SELECT o.id, '$id{$name}', ($account)::uuid
FROM scim.organization o, generate_series($first, $first + $count - 1) n WHERE o.key = '$KEY'
SQL
}

# What all rows need: groups without members, and two with.
sub load_groups {
    load_accounts($server, $OUTSIDERS + $LARGE);
    psql($server, <<"SQL");
INSERT INTO scim.user_group (organization_id, display_name, external_id)
SELECT o.id, 'Group ' || n, 'group' || n FROM scim.organization o, generate_series(1, $GROUPS) n WHERE o.key = '$KEY'
SQL
    load_group('Small', $OUTSIDERS + 1, $SMALL);
    load_group('Large', $OUTSIDERS + 1, $LARGE);
}

# Figures.

sub say_row {
    my ($name, $text, $figure, $relation, $goal, $unit) = @_;
    my $met = { '<' => $figure < $goal, '<=' => $figure <= $goal, '>=' => $figure >= $goal, '=' => $figure == $goal };
    local $| = 1;
    printf "%-13s %-66s goal %-2s %s%s%s\n", $name, $text, $relation, $goal, $unit // '',
        $met->{$relation} ? '' : ', MISSED';
}

# $this and $other are seconds.
sub say_times {
    my ($name, $text, $this, $other, $goal) = @_;
    my $ratio = $this / $other;
    say_row($name, sprintf("$text: x %.2f", 1000 * $this, 1000 * $other, $ratio), $ratio, '<=', $goal);
}

# $this and $other are rates.
sub say_rates {
    my ($name, $text, $this, $other, $goal) = @_;
    my $ratio = $this / $other;
    say_row($name, sprintf("$text: x %.2f", $this, $other, $ratio), $ratio, '>=', $goal);
}

# The medians of figures that take turns, as often as $more says.
sub medians {
    my ($more, @measure) = @_;
    my @figures;
    for (my $turn = 0; $more->($turn); $turn++) {
        push @{ $figures[$_] }, $measure[$_]->() for $turn % 2 ? reverse 0 .. $#measure : 0 .. $#measure;
    }
    return map { median(@$_) } @figures;
}

# Of requests that take turns for all rounds together.  The first change of a page after
# a checkpoint costs more, so none has begun with that before the others.
sub median_seconds {
    my (@measure) = @_;
    psql($server, 'CHECKPOINT', 'postgres');
    $_->() for @measure;
    my $end = time + $option->{rounds} * $option->{seconds};
    return medians(sub { $_[0] < 3 || time < $end }, @measure);
}

# Of measurements that last the seconds of a round.
sub median_rates {
    my (@measure) = @_;
    $_->() for @measure;
    return medians(sub { $_[0] < $option->{rounds} }, @measure);
}

# Requests.

sub change_members {
    my ($at, $group, $op, @accounts) = @_;
    my ($seconds) = timed($at, 'PATCH', "/Groups/$id{$group}", {
        schemas => ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
        Operations => [{ op => $op, path => 'members', value => [map { { value => account_id($_) } } @accounts] }] });
    return $seconds;
}

# The seconds to add $count outsiders to a group and to remove them, in two requests.
sub change_outsiders {
    my ($at, $group, $count) = @_;
    my $first = 1 + int rand $OUTSIDERS - $count;
    my @accounts = ($first .. $first + $count - 1);
    return change_members($at, $group, 'add', @accounts) + change_members($at, $group, 'remove', @accounts);
}

# PUT of a group with all its members, as Okta writes them.
sub put_group {
    my ($group, @accounts) = @_;
    my $members = join ',', map { sprintf '{"value":"%s","display":"account%d"}', account_id($_), $_ } @accounts;
    my $body = '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],'
        . qq("id":"$id{$group}","displayName":"$group","members":[$members]});
    return (timed($server, 'PUT', "/Groups/$id{$group}", $body))[0];
}

sub get_group {
    my ($at, $group) = @_;
    return (timed($at, 'GET', "/Groups/$id{$group}"))[0];
}

# Requests/s of a filter that finds one group, without its members, as Entra asks.
sub match_rate {
    my ($at) = @_;
    return wrk_rate($at, $option, 'group-match', $GROUPS, <<"LUA");
function request()
   return wrk.format("GET", "/scim/$KEY/v2/Groups?excludedAttributes=members&filter=displayName+eq+%22Group%20"
                     .. any() .. "%22", headers)
end
LUA
}

# Requests/s on Users who are outsiders.
sub user_rate {
    my ($at, $name) = @_;
    return wrk_rate($at, $option, "group-user-$name", $OUTSIDERS, $LUA{$name});
}

# Rows.

# How many rows $code inserts, updates and deletes in each of these tables.  A session
# counts when it has time to, at the latest when it ends.
sub rows_written {
    my ($code, @tables) = @_;
    my $count = sub {
        psql($server, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim'});
        Scim::Server::wait_until('the sessions end', 10, sub {
            (psql($server, q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim'}))[0] == 0 });
        return map { (psql($server, 'SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables'
            . " WHERE relid = 'scim.$_'::regclass"))[0] } @tables;
    };
    my @before = $count->();
    $code->();
    my @after = $count->();
    return map { $after[$_] - $before[$_] } 0 .. $#tables;
}

# httpd's children: pid => kB of resident memory, now (VmRSS) or at its most (VmHWM).
sub memory_of_children {
    my ($field) = @_;
    my %kb;
    for my $pid (split ' ', qx(pgrep -P @{[$server->httpd_pid]})) {
        open my $in, '<', "/proc/$pid/status" or next;
        while (my $line = <$in>) { $kb{$pid} = $1 if $line =~ /^$field:\s+(\d+)/ }
    }
    return \%kb;
}

# MB that the child needs more than before, at the most and afterwards, for several
# requests, which different threads of it serve.
sub say_memory {
    my ($name, $what, $code) = @_;
    $server->stop_httpd;
    $server->start_httpd;
    timed($server, 'GET', '/Users?count=100') for 1 .. 50;
    my $before = memory_of_children('VmRSS');
    Scim::Server::write_file("/proc/$_/clear_refs", '5') for keys %$before;
    $code->() for 1 .. 20;
    my ($most, $then) = map {
        my $now = memory_of_children($_);
        (sort { $b <=> $a } map { ($now->{$_} - $before->{$_}) / 1024 } keys %$before)[0];
    } 'VmHWM', 'VmRSS';
    my $text = sprintf '%s: the child needs %.1f MB more, afterwards %.1f MB', $what, $most, $then;
    say_row($name, $text, $then, '<', 10, ' MB');
}

sub row_match {
    my ($groups, $users) = median_rates(sub { match_rate($server) }, sub { user_rate($server, 'match') });
    say_rates('group-match', 'displayName %.0f/s, userName of Users %.0f/s', $groups, $users, 0.95);
}

sub row_add {
    my ($large, $small) = median_seconds(sub { change_outsiders($server, 'Large', 1) },
                                         sub { change_outsiders($server, 'Small', 1) });
    say_times('group-add', 'one at 50,000 members %.2f ms, at 10 %.2f ms', $large, $small, 1.3);
}

sub row_256 {
    my ($many, $one) = median_seconds(sub { change_outsiders($server, 'Large', 256) },
                                      sub { change_outsiders($server, 'Large', 1) });
    say_times('group-256', '256 members %.2f ms, 1 member %.2f ms', $many, $one, 4);
}

# Fifty of the members go, and fifty others come.
sub row_put {
    my @members = $OUTSIDERS + 1 .. $OUTSIDERS + $LARGE;
    my @state = (\@members, [1 .. 50, @members[50 .. $#members]]);
    my $now = 0;
    my $same = sub { return put_group('Large', @{ $state[$now] }) };
    my $other = sub { $now = 1 - $now; return $same->() };
    my ($unchanged, $changed) = median_seconds($same, $other);
    say_row('group-put', sprintf('50,000 unchanged: %.2f s', $unchanged), $unchanged, '<', 2, ' s');
    say_row('group-put', sprintf('50,000 with 100 changes: %.2f s', $changed), $changed, '<', 2, ' s');
    my @tables = qw(membership subgroup user_group event);
    my @none = rows_written($same, @tables);
    say_row('group-put', "unchanged, rows written: @none (@tables)", (grep { $_ } @none) + 0, '=', 0);
    my @rows = rows_written($other, @tables);
    say_row('group-put', "with 100 changes, rows written: @rows", $rows[0] + $rows[1], '=', 100);
    say_memory('group-put', '20 unchanged', $same);
    $other->() if $now;
}

sub row_get {
    my $get = sub { get_group($server, 'Large') };
    my ($seconds) = median_seconds($get);
    say_row('group-get', sprintf('50,000 members: %.2f s', $seconds), $seconds, '<', 1, ' s');
    say_memory('group-get', '20 times', $get);
}

# Each of the groups has a thousand of the members of "Large".
sub load_members_of_groups {
    my $account = $ID_SQL =~ s/N\b/n/gr;
    load_members(<<"SQL");
SELECT g.organization_id, g.id, ($account)::uuid
FROM scim.organization o
JOIN scim.user_group g ON g.organization_id = o.id AND g.external_id ~ '^group'
CROSS JOIN LATERAL (SELECT $OUTSIDERS + 1 + (substr(g.external_id, 6)::int * 977 + i) % $LARGE AS n
                    FROM generate_series(1, 1000) i) m
WHERE o.key = '$KEY'
SQL
}

sub row_list {
    load_members_of_groups();
    my ($seconds) = median_seconds(sub {
        my $start = 1 + 100 * int rand $GROUPS / 100;
        return (timed($server, 'GET', "/Groups?excludedAttributes=members&count=100&startIndex=$start"))[0];
    });
    my $ms = 1000 * $seconds;
    say_row('group-list', sprintf('100 of 1,000 groups of 1,000: %.2f ms', $ms), $ms, '<', 20, ' ms');
}

# The same people as for gate-cached and gate-live, who are in a group here.
sub row_gate {
    load_group('People', 1, $OUTSIDERS);
    my %people = (cached => $option->{clients}, live => $OUTSIDERS);
    for my $kind ('cached', 'live') {
        my ($group, $account) = median_rates(map { my $of = $_; sub { gate_rate($server, $option, $of, $people{$kind}) } }
                                             "group-$kind", $kind);
        say_rates('group-gate', "$kind: scim-group %.0f/s, scim-account %.0f/s", $group, $account, 0.95);
    }
}

# The same tables before "Everybody" is loaded: a copy of the database, with an httpd
# of its own.
my $before;
END { my $status = $?; $before->stop if $before; $? = $status }

sub start_before {
    $server->stop_httpd;
    psql($server, 'CREATE DATABASE scim_before TEMPLATE scim OWNER scim_owner', 'postgres');
    $before = Scim::Server->new(dir => "$server->{dir}/before", database => $server, conf => <<"CONF");
$server->{conf}
DBDParams "host=$server->{pghost} dbname=scim_before user=scim connect_timeout=5"
CONF
    $before->start;
    $server->start_httpd;
}

sub row_million {
    load_accounts($server, $OUTSIDERS + $MILLION);
    start_before();
    load_group('Everybody', $OUTSIDERS + 1, $MILLION);
    my $one = sub { my ($at, $group) = @_; return sub { change_outsiders($at, $group, 1) } };
    my ($million, $large) = median_seconds($one->($server, 'Everybody'), $one->($before, 'Large'));
    say_times('group-million', 'one of a million members %.2f ms, of 50,000 before %.2f ms', $million, $large, 1.3);
    my $compare = sub {
        my ($medians, $measure) = @_;
        return $medians->(map { my $at = $_; sub { $measure->($at) } } $server, $before);
    };
    for my $count (1, 256) {
        say_times('group-million', "$count of 50,000 members %.2f ms, before %.2f ms",
                  $compare->(\&median_seconds, sub { change_outsiders($_[0], 'Large', $count) }), 1.2);
    }
    say_times('group-million', 'GET of 10 members %.2f ms, before %.2f ms',
              $compare->(\&median_seconds, sub { get_group($_[0], 'Small') }), 1.2);
    say_rates('group-million', 'displayName %.0f/s, before %.0f/s', $compare->(\&median_rates, \&match_rate), 0.9);
    for my $name ('match', 'get') {
        say_rates('group-million', "Users: $name %.0f/s, before %.0f/s",
                  $compare->(\&median_rates, sub { user_rate($_[0], $name) }), 0.9);
    }
}

my %ROW = (
    'group-match' => \&row_match,
    'group-add' => \&row_add,
    'group-256' => \&row_256,
    'group-put' => \&row_put,
    'group-get' => \&row_get,
    'group-list' => \&row_list,
    'group-gate' => \&row_gate,
    'group-million' => \&row_million,
);

sub is_group_row { return $ROW{ $_[0] } }

# The rows of these names, with the options of bench/run.
sub measure_groups {
    ($server, $option, my @names) = @_;
    load_groups() if @names;
    $ROW{$_}->() for @names;
}

1;
