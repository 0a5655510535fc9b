# SPDX-License-Identifier: Apache-2.0
package Scim::Audit;
# Compares a journal (Scim::Journal) with the database and its feed, when the
# writers have stopped and the database works again.
#
#   my $audit = Scim::Audit->new($journal, $server, others => 0, feed => 1);
#   $audit->faults         # {kind => [first sentences]}, empty when all is well
#   $audit->count($kind)   # also of acknowledged, unavailable, unanswered
#   $audit->{gap}          # seconds, the longest without an acknowledged write
#   $audit->{slowest}      # seconds, of a request
#
# After an answer of 503, or none, a write may have been made, and may even be made
# later.  All other answers are exact.  With others, the organization may have
# accounts that are not the journal's; without feed, scimctl is not asked for
# events, which it cannot read from a database of an older version.
use strict;
use warnings;
use Encode ();
use Scim::Process;

# kind => its meaning.
our %KINDS = (
    lost => 'an acknowledged write is not in the database',
    doubled => 'a write was done twice, or an account is there twice',
    backwards => 'a version went back',
    event_missing => 'a change is not in the feed',
    event_doubled => 'a change is in the feed twice',
    event_order => 'the events of an account are not in their order',
    wrong => 'an answer is wrong',
);

my $SHOWN = 20;       # sentences that are kept for each kind
my $CREATE = 'urn:ietf:params:scim:event:prov:create:full';
my $DELETE = 'urn:ietf:params:scim:event:prov:delete';
my %IS_CHANGE = map { ("urn:ietf:params:scim:event:prov:$_:full" => 1) } qw(create patch put);
my %ACTIVE_KIND = map { ($_ => "urn:ietf:params:scim:event:prov:$_") } qw(activate deactivate);

sub new {
    my ($class, $journal, $server, %option) = @_;
    my $self = bless { others => $option{others}, organization => $journal->{org}, server => $server, faults => {}, count => {}, account => {},
                       acknowledged => [], gap => 0, slowest => 0 }, $class;
    $journal->each_entry(sub { $self->hear($_[0]) });
    $self->measure;
    $self->read_database;
    $self->check_events;
    $self->check_accounts;
    $self->check_feed if $option{feed} // 1;
    return $self;
}

sub faults {
    my ($self) = @_;
    return { map { $_ => $self->{faults}{$_} } keys %{ $self->{faults} } };
}

sub count { my ($self, $kind) = @_; return $self->{count}{$kind} || 0 }

sub fault {
    my ($self, $kind, $text) = @_;
    my $said = $self->{faults}{$kind} ||= [];
    push @$said, $text if @$said < $SHOWN;
    $self->{count}{$kind}++;
    return;
}

# One line of the journal: checks the answer by itself, then against its account.
sub hear {
    my ($self, $e) = @_;
    my $account = $self->{account}{ $e->{name} } ||= { name => $e->{name}, version => 0, seen => 0, maybe => {}, writes => [] };
    $e->{text} = sprintf '%s %s at %.3f: %s %s', @$e{qw(what name at status error)};
    $self->{slowest} = $e->{took} if $e->{took} > $self->{slowest};
    $self->{begin} = $e->{at} if !defined $self->{begin} || $e->{at} < $self->{begin};
    if ($e->{status} =~ /^2/ && $Scim::Journal::IS_WRITE{ $e->{what} }) {
        push @{ $self->{acknowledged} }, $e->{at} + $e->{took};
        $self->{count}{acknowledged}++;
    }
    return $self->hear_nothing($account, $e) if $e->{status} == 0 || $e->{status} == 503;
    return $self->fault(wrong => $e->{text}) if $e->{status} !~ /^(?:200|201|204|404|409)$/;
    $self->fault(wrong => "$e->{text}: not a body of SCIM") if !$e->{scim};
    my %hear = (create => \&hear_create, match => \&hear_match, get => \&hear_get, delete => \&hear_delete);
    return ($hear{ $e->{what} } || \&hear_change)->($self, $account, $e);
}

# A write that may have been made, or may be made later.
sub hear_nothing {
    my ($self, $account, $e) = @_;
    $self->{count}{ $e->{status} ? 'unavailable' : 'unanswered' }++;
    if ($e->{status}) {
        $self->fault(wrong => "$e->{text}: not a body of SCIM") if !$e->{scim};
        $self->fault(wrong => "$e->{text}: without Retry-After") if $e->{retry} !~ /^[1-9]\d*$/;
    }
    $account->{maybe}{ $e->{mark} } = $e if $e->{mark} ne '';
    $account->{maybe_created} = 1 if $e->{what} eq 'create';
    $account->{maybe_gone} = 1 if $e->{what} eq 'delete';
}

sub hear_create {
    my ($self, $account, $e) = @_;
    if ($e->{status} == 201) {
        $self->fault(doubled => "$e->{text}: it was there") if $account->{id};
        return $self->see($account, $e, $e->{mark});
    }
    $self->fault(wrong => $e->{text}) if $e->{status} != 409 || !$account->{maybe_created} && !$account->{id};
}

# The kind of an account's life: PATCH of any kind is one.
sub hear_change {
    my ($self, $account, $e) = @_;
    return $self->hear_absence($account, $e) if $e->{status} == 404;
    return $self->fault(wrong => $e->{text}) if $e->{status} != 200;
    $self->fault(wrong => "$e->{text}: active is not as it was set") if $e->{active} ne '' && $e->{active} != $e->{shown};
    $self->see($account, $e, $e->{mark});
}

sub hear_get {
    my ($self, $account, $e) = @_;
    return $self->hear_absence($account, $e) if $e->{status} == 404;
    return $self->fault(wrong => $e->{text}) if $e->{status} != 200;
    $self->see($account, $e);
}

sub hear_match {
    my ($self, $account, $e) = @_;
    return $self->fault(wrong => $e->{text}) if $e->{status} != 200 || $e->{found} eq '';
    return $self->fault(doubled => "$e->{text}: $e->{found} found") if $e->{found} > 1;
    return $self->see($account, $e) if $e->{found} == 1;
    $self->hear_absence($account, $e) if $account->{id};
}

sub hear_delete {
    my ($self, $account, $e) = @_;
    return $self->hear_absence($account, $e) if $e->{status} == 404;
    return $self->fault(wrong => $e->{text}) if $e->{status} != 204;
    $self->fault(doubled => "$e->{text}: it was gone") if $account->{gone} && !$account->{maybe_created};
    $account->{gone} = $e->{text};
}

sub hear_absence {
    my ($self, $account, $e) = @_;
    return if $account->{gone};
    return $account->{gone} = $e->{text} if $account->{maybe_gone};
    $self->fault(wrong => "$e->{text}: absent, version $account->{version} is known");
}

# An answer that shows the account; with a mark, the answer of the write itself.
sub see {
    my ($self, $account, $e, $mark) = @_;
    my ($id, $version, $title) = @$e{qw(found_id version title)};
    return $self->fault(wrong => "$e->{text}: without id or version") if $id eq '' || $version eq '';
    $account->{id} //= $id;
    return $self->fault(doubled => "$e->{text}: id is $id, it was $account->{id}") if $id ne $account->{id};
    return $self->fault(wrong => "$e->{text}: it was deleted") if $account->{gone};
    my $was = $account->{version};
    if ($version < $was || defined $mark && $version == $was) {
        return $self->fault(backwards => "$e->{text}: version $version behind $was");
    }
    if (defined $mark) {
        $self->fault(wrong => "$e->{text}: title is $title, not $mark") if $title ne $mark;
        # There is an event of its own if the write is known to have changed active.
        my $turned = $was && $version == $was + 1 && $account->{active} != $e->{shown};
        push @{ $account->{writes} }, [$version, $mark, $turned ? $e->{what} : 'change'];
    }
    elsif ($version == $was) {
        return $self->fault(wrong => "$e->{text}: title is $title, not $account->{mark}") if $title ne $account->{mark};
        return $self->fault(wrong => "$e->{text}: active is $e->{shown}") if $e->{shown} != $account->{active};
        return;
    }
    elsif (!$account->{maybe}{$title}) {
        $self->fault(wrong => "$e->{text}: title is $title, which nobody has set");
    }
    # Writes in between were requested, but not answered.
    my $between = $version - $was - (defined $mark ? 1 : 0);
    $self->fault(doubled => "$e->{text}: version is $version after $was") if $between > keys %{ $account->{maybe} };
    @$account{qw(version mark active)} = ($version, $title, $e->{shown});
}

sub measure {
    my ($self) = @_;
    my $last = $self->{begin};
    for my $at (sort { $a <=> $b } @{ delete $self->{acknowledged} }) {
        $self->{gap} = $at - $last if $at - $last > $self->{gap};
        $last = $at;
    }
}

# The accounts and events at one moment: after statements have ended that may still
# run in the database although their clients have given up.
sub read_database {
    my ($self) = @_;
    my $sql = <<"SQL";
SET statement_timeout = '60s';
DO \$\$
BEGIN
    WHILE EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'scim' AND state <> 'idle') LOOP
        PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP;
END
\$\$;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 'account', id, user_name, version, attributes ->> 'title', active::int FROM scim.account
WHERE organization_id = '$self->{organization}{id}' AND id <> '$self->{organization}{issuer}';
SELECT 'event', account_id, kind, version, data #>> '{after,title}', sequence FROM scim.event
WHERE organization_id = '$self->{organization}{id}' AND account_id IS NOT NULL ORDER BY transaction_id, sequence;
COMMIT;
SQL
    my @psql = $self->{server}->psql('-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-f', '-');
    my $done = Scim::Process::run(\@psql, input => $sql);
    die "psql: $done->{err}" if $done->{status};
    for my $line (split /\n/, Encode::decode_utf8($done->{out})) {
        my ($what, @row) = split /\t/, $line, -1;
        push @{ $self->{ $what eq 'event' ? 'events' : 'rows' } }, \@row;
    }
}

# Checks the events by themselves: those of an account count its versions.
sub check_events {
    my ($self) = @_;
    my (%once, %marked);
    for my $row (@{ $self->{events} || [] }) {
        my ($id, $kind, $version, $mark) = @$row;
        my $text = "event $kind of $id, version $version";
        my $of = $self->{history}{$id} ||= { version => 0, mark => {}, kind => {} };
        if ($once{"$id $kind $version"}++) {
            $self->fault(event_doubled => $text);
            next;
        }
        $self->fault(event_order => "$text: it was deleted") if $of->{deleted};
        $self->fault(event_order => "$text: after version $of->{version}") if $version < $of->{version};
        $self->fault(event_missing => "$text: after version $of->{version}") if $version > $of->{version} + 1;
        $of->{deleted} = 1 if $kind eq $DELETE;
        $of->{kind}{"$kind $version"} = 1;
        $of->{version} = $version if $version > $of->{version};
        next unless $IS_CHANGE{$kind};
        $self->fault(event_order => "$text: creation") if ($kind eq $CREATE) != ($version == 1);
        $of->{mark}{$version} = $mark;
        $self->fault(doubled => "$text: $mark was done at version $marked{$mark}") if $mark ne '' && $marked{$mark};
        $marked{$mark} = $version;
    }
}

# Checks the acknowledged writes against the accounts and their events.
sub check_accounts {
    my ($self) = @_;
    my %stored;
    for my $row (@{ $self->{rows} || [] }) {
        my ($id, $name, $version, $mark, $active) = @$row;
        next if $self->{others} && !$self->{account}{$name};
        $self->fault(doubled => "$name is there twice") if $stored{$name};
        $self->fault(doubled => "$name is there, which nobody has created") if !$self->{account}{$name};
        $stored{$name} = { id => $id, version => $version, mark => $mark, active => $active };
        my $history = $self->{history}{$id} || { version => 0 };
        $self->fault(event_order => "$name is there, its deletion as well") if $history->{deleted};
        $self->fault(event_missing => "$name has version $version, its events $history->{version}")
            if $version > $history->{version};
        $self->fault(backwards => "$name has version $version, its events $history->{version}")
            if $version < $history->{version};
    }
    for my $name (sort keys %{ $self->{account} }) {
        my $account = $self->{account}{$name};
        next unless $account->{id};
        $self->check_row($account, $stored{$name});
        $self->check_history($account, $self->{history}{ $account->{id} } || { mark => {}, kind => {} });
    }
}

sub check_row {
    my ($self, $account, $row) = @_;
    my $known = "$account->{name}: version $account->{version}, $account->{mark}";
    if ($account->{gone}) {
        $self->fault(lost => "$account->{name} is there: $account->{gone}") if $row && $row->{id} eq $account->{id};
        return;
    }
    return $account->{maybe_gone} ? undef : $self->fault(lost => "$known, is not there") if !$row;
    return $self->fault(doubled => "$known, has the id $row->{id}, not $account->{id}") if $row->{id} ne $account->{id};
    return $self->fault(lost => "$known, is at version $row->{version}") if $row->{version} < $account->{version};
    if ($row->{version} == $account->{version}) {
        $self->fault(lost => "$known, has $row->{mark}") if $row->{mark} ne $account->{mark};
        $self->fault(lost => "$known, active is $row->{active}") if $row->{active} != $account->{active};
    }
    elsif (!$account->{maybe}{ $row->{mark} }) {
        $self->fault(doubled => "$known, is at version $row->{version} with $row->{mark}");
    }
}

sub check_history {
    my ($self, $account, $history) = @_;
    for my $write (@{ $account->{writes} }) {
        my ($version, $mark, $what) = @$write;
        my $is = $history->{mark}{$version};
        my $text = "$account->{name}: version $version, $mark";
        $self->fault(event_missing => "$text, $what") if !defined $is;
        $self->fault(lost => "$text, is $is") if defined $is && $is ne $mark;
        $self->fault(event_missing => "$text, $what") if $ACTIVE_KIND{$what} && !$history->{kind}{"$ACTIVE_KIND{$what} $version"};
    }
    $self->fault(event_missing => "$account->{name}: its deletion") if $account->{gone} && !$history->{deleted};
}

# Checks that scimctl prints exactly the events that exist, in this order.
sub check_feed {
    my ($self) = @_;
    my @wanted = map { "@$_[0 .. 2]" } @{ $self->{events} || [] };
    my @told;
    # Another transaction that is still open delays the feed.
    Scim::Process::until_true(10, sub {
        my $done = Scim::Process::run([$self->{server}->scimctl('--json', 'events', $self->{organization}{key})]);
        die "scimctl: $done->{err}" if $done->{status};
        @told = map { join ' ', (/"accountId": "([^"]+)"/)[0], (/"kind": "([^"]+)"/)[0], (/"version": (\d+)/)[0] }
            grep { /"accountId": "/ } split /\n/, $done->{out};
        return @told >= @wanted;
    });
    return if "@told" eq "@wanted";
    my (%left, %rank, $last);
    $left{$_}++ for @wanted;
    @rank{reverse @wanted} = reverse 0 .. $#wanted;
    for my $told (@told) {
        if (--$left{$told} < 0) {
            $self->fault(event_doubled => "scimctl events: $told");
            next;
        }
        $self->fault(event_order => "scimctl events: $told") if defined $last && $rank{$told} < $last;
        $last = $rank{$told};
    }
    $self->fault(event_missing => "scimctl events: $_") for grep { $left{$_} > 0 } sort keys %left;
}

1;
