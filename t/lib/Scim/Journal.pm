# SPDX-License-Identifier: Apache-2.0
package Scim::Journal;
# Clients that create, change, find, read, deactivate and delete accounts without
# a pause, in processes of their own, while a test does something to the servers;
# each records every request with its answer.  Scim::Audit checks them afterwards.
#
#   my $journal = Scim::Journal->start($org, writers => 6);
#   $journal->wait_for(100);                 # 100 more writes are acknowledged
#   ... break something, mend it ...
#   my $seconds = $journal->first_good(Time::HiRes::time());
#   my $audit = $journal->stop->audit($server);
#   is_deeply $audit->faults, {}, 'nothing is lost, doubled or wrong';
#
# An account belongs to one writer, which sends one request at a time, so each answer
# can be checked against all previous ones.  Every write has a mark of its own in
# title: it shows where the write was made, and whether it was made twice.
use strict;
use warnings;
use File::Temp ();
use JSON::PP ();
use Scim::Audit;
use Scim::Http;
use Scim::Process;
use Scim::Server;
use Scim::Test ();
use Time::HiRes ();

# The fields of a line of the journal, separated by tabs: time of the request
# (seconds since 1970) and its duration; operation and account; the answer.  status 0
# means no answer, with the reason in error.  scim: whether the body is a SCIM message
# (or there is no body if there must be none).
our @FIELDS = qw(at took what name id mark active status retry scim version title shown found found_id error);
our %IS_WRITE = map { $_ => 1 } qw(create patch deactivate activate delete);

# start($org, writers => 6, url, pause, repeat, patience): pause is the time after a
# request, patience the limit for an answer; with repeat, a request is sent again if a
# kept connection was closed before the first byte of the answer.  The journal is kept
# in a folder, which is deleted with it.
sub start {
    my ($class, $org, %option) = @_;
    pipe my $until, my $stop or die "pipe: $!\n";
    my $self = bless { writers => 6, pause => 0, repeat => 0, patience => 60, url => Scim::Test::base_url(), %option,
                       org => $org, stop => $stop, folder => File::Temp->newdir, seen => {} }, $class;
    for my $i (0 .. $self->{writers} - 1) {
        push @{ $self->{clients} }, Scim::Process->start(sub {
            close $stop;
            $self->write($i, $until);
        });
    }
    return $self;
}

# A journal from lines as hashes, for the audit's own test.
sub of_entries {
    my ($class, $org, @entries) = @_;
    my $self = bless { writers => 1, org => $org, folder => File::Temp->newdir, seen => {}, clients => [] }, $class;
    open my $out, '>', $self->file(0) or die "$!\n";
    print {$out} line($_) for @entries;
    close $out;
    return $self;
}

sub file { my ($self, $i) = @_; return "$self->{folder}/$i" }

sub line {
    my ($entry) = @_;
    return join("\t", map { my $value = $entry->{$_} // ''; $value =~ s/\s+/ /g; $value } @FIELDS) . "\n";
}

# Runs in a writer's process, until the other end of the pipe is closed.
sub write {
    my ($self, $i, $until) = @_;
    srand $$;
    open $self->{out}, '>', $self->file($i) or die "$!\n";
    $self->{out}->autoflush(1);
    $self->{goes_on} = sub {
        vec(my $set = '', fileno $until, 1) = 1;
        return !select $set, undef, undef, 0;
    };
    my $http = Scim::Http->new($self->{url});
    $http->{timeout} = $self->{patience};
    $self->{org}{http} = $http;
    $self->{marked} = "w$i-$$-";
    $self->live_through({ name => Scim::Test::user_name() }) while $self->{goes_on}->();
}

# The life of an account; every other one is deleted at its end.
sub live_through {
    my ($self, $account) = @_;
    $self->create($account) or return;
    for my $round (1 .. 2) {
        $self->change($account, 'patch');
        $self->match($account);
        $self->change($account, 'deactivate', active => 0);
        $self->get($account);
        $self->change($account, 'activate', active => 1) if $round == 1 || rand() < 0.5;
        $self->match($account);
    }
    return if $self->{lived}++ % 2;
    $self->remove($account) or return;
    $self->get($account);
    $self->match($account);
}

# Like an identity provider, it looks whether the account exists after 409 or no
# answer.
sub create {
    my ($self, $account) = @_;
    while ($self->{goes_on}->()) {
        my $mark = $self->next_mark;
        my $r = $self->ask('create', $account, { mark => $mark, active => 1 }, sub {
            $_[0]->post('/Users', { schemas => [Scim::Test::CORE()], userName => $account->{name},
                                    displayName => 'Journal', title => $mark }, how => $_[1]);
        });
        $r = $self->match($account) if $r->{status} != 201;
        $account->{id} = $r->{status} == 201 ? $r->{json}{id} : $r->{json} && ($r->{json}{Resources} || [])->[0]{id};
        return 1 if $account->{id};
    }
    return 0;
}

sub change {
    my ($self, $account, $what, %to) = @_;
    return unless $self->{goes_on}->();
    my $mark = $self->next_mark;
    my @operations = map { { op => 'replace', path => $_->[0], value => $_->[1] } }
        ['title', $mark], exists $to{active} ? ['active', $to{active} ? JSON::PP::true() : JSON::PP::false()] : ();
    return $self->ask($what, $account, { mark => $mark, %to }, sub {
        $_[0]->patch("/Users/$account->{id}", { schemas => [Scim::Test::PATCHOP()], Operations => \@operations },
                     how => $_[1]);
    });
}

sub match {
    my ($self, $account) = @_;
    my $filter = '/Users?filter=' . Scim::Test::uri(qq(userName eq "$account->{name}"));
    return $self->ask('match', $account, {}, sub { $_[0]->get($filter, how => $_[1]) });
}

sub get {
    my ($self, $account) = @_;
    return $self->ask('get', $account, {}, sub { $_[0]->get("/Users/$account->{id}", how => $_[1]) });
}

# Until it is known to be gone.
sub remove {
    my ($self, $account) = @_;
    while ($self->{goes_on}->()) {
        my $r = $self->ask('delete', $account, {}, sub { $_[0]->delete("/Users/$account->{id}", how => $_[1]) });
        return 1 if $r->{status} == 204 || $r->{status} == 404;
    }
    return 0;
}

sub next_mark { my ($self) = @_; return $self->{marked} . ++$self->{count} }

# Send one request and record it with its answer.  After a failure the next request
# comes soon, to notice when the service is back.
sub ask {
    my ($self, $what, $account, $asked, $request) = @_;
    my $at = Time::HiRes::time();
    my $r = eval { $request->($self->{org}, { once => !$self->{repeat} }) } || { status => 0, error => "$@" };
    my $took = Time::HiRes::time() - $at;
    print { $self->{out} } line({ at => sprintf('%.6f', $at), took => sprintf('%.6f', $took), what => $what,
                                  name => $account->{name}, id => $account->{id}, %$asked, answer_of($r) });
    Time::HiRes::sleep($r->{status} >= 200 && $r->{status} < 300 ? $self->{pause} : 0.05 + rand 0.1);
    return $r;
}

sub answer_of {
    my ($r) = @_;
    my $json = ref $r->{json} eq 'HASH' ? $r->{json} : {};
    my $headers = $r->{headers} || {};
    my $is_scim = $r->{status} == 204 || ($headers->{'content-type'} // '') =~ m{^application/scim\+json} && $json->{schemas};
    my $user = $json->{Resources} ? $json->{Resources}[0] || {} : $json;
    my ($version) = ($user->{meta}{version} // '') =~ /"(\d+)"/;
    return (status => $r->{status}, retry => $headers->{'retry-after'}, scim => $is_scim ? 1 : 0, version => $version,
            title => $user->{title}, shown => $user->{active} ? 1 : 0, found => $json->{totalResults},
            found_id => $user->{id}, error => $r->{error} // $json->{detail});
}

# Call code with each line as a hash, in the order of each writer.
sub each_entry {
    my ($self, $code) = @_;
    for my $i (0 .. $self->{writers} - 1) {
        open my $in, '<', $self->file($i) or next;
        while (my $line = <$in>) {
            chomp $line;
            my %entry;
            @entry{@FIELDS} = split /\t/, $line, -1;
            $code->(\%entry);
        }
    }
}

sub entries {
    my ($self) = @_;
    my @entries;
    $self->each_entry(sub { push @entries, $_[0] });
    return @entries;
}

# The lines since the last call: [time of the answer, operation, status] each.
sub news {
    my ($self) = @_;
    my @news;
    for my $i (0 .. $self->{writers} - 1) {
        open my $in, '<', $self->file($i) or next;
        seek $in, $self->{seen}{$i} || 0, 0;
        while (my $line = <$in>) {
            last if $line !~ /\n\z/;
            $self->{seen}{$i} += length $line;
            my ($at, $took, $what, $status) = (split /\t/, $line)[0, 1, 2, 7];
            push @news, [$at + $took, $what, $status];
        }
    }
    return @news;
}

sub is_acknowledged { my ($what, $status) = @_; return $IS_WRITE{$what} && $status =~ /^2/ }

# Wait until $more more writes have been acknowledged.
sub wait_for {
    my ($self, $more, $seconds) = @_;
    $self->news;
    Scim::Server::wait_until("$more more writes are acknowledged", $seconds || 60, sub {
        $more -= grep { is_acknowledged($_->[1], $_->[2]) } $self->news;
        return $more <= 0;
    });
}

# Seconds from this time to the first acknowledged write.
sub first_good {
    my ($self, $after, $seconds) = @_;
    my $first;
    Scim::Server::wait_until('a write is acknowledged', $seconds || 60, sub {
        ($first) = sort { $a <=> $b } map { $_->[0] } grep { $_->[0] >= $after && is_acknowledged($_->[1], $_->[2]) } $self->news;
        return defined $first;
    });
    return $first - $after;
}

sub stop {
    my ($self) = @_;
    close delete $self->{stop} if $self->{stop};
    $_->wait($self->{patience} + 10) for @{ $self->{clients} };
    return $self;
}

# The audit of the journal against the database of $server, a Scim::Server (by
# default, that of the test); the options are those of Scim::Audit.
sub audit {
    my ($self, $server, %option) = @_;
    return Scim::Audit->new($self, $server || Scim::Test::server(), %option);
}

1;
