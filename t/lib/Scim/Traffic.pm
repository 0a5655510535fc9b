package Scim::Traffic;
# Clients that write and read without a pause, in processes of their own, while
# a test does something to the servers; and what they were told.
#
#   my $traffic = Scim::Traffic->start($org, 6);
#   ... restart something ...
#   my @told = $traffic->stop;      # one hash a request
use strict;
use warnings;
use JSON::PP ();
use Time::HiRes qw(time);
use Scim::Process;
use Scim::Test ();

sub start {
    my ($class, $org, $count) = @_;
    pipe my $until, my $stop or die "pipe: $!";
    my $self = bless { stop => $stop, clients => [] }, $class;
    for my $i (1 .. $count) {
        push @{ $self->{clients} }, Scim::Process->start(sub {
            close $stop;
            client($org, $until);
        }, out => 'pipe');
    }
    return $self;
}

# Create, find and change until the other end of the pipe is closed.
sub client {
    my ($org, $until) = @_;
    srand $$;
    my $tell = sub {
        my ($what, $name, $value, $request) = @_;
        my $start = time;
        my $r = eval { $request->() } || { status => 0, error => "$@" };
        print JSON::PP->new->canonical->encode({
            what => $what, name => $name, value => $value, status => $r->{status}, error => $r->{error}, took => time - $start,
            found => $r->{json}{totalResults}, retry_after => ($r->{headers} || {})->{'retry-after'} }), "\n";
        return $r;
    };
    until (is_closed($until)) {
        my $name = Scim::Test::user_name();
        my $made = $tell->('POST', $name, undef, sub { $org->post('/Users', { userName => $name, displayName => 'Traffic' }) });
        next unless $made->{status} == 201;
        for my $value (1 .. 3) {
            $tell->('PATCH', $name, $value, sub {
                $org->patch_ops($made->{json}{id}, { op => 'replace', path => 'title', value => "$value" });
            });
            $tell->('GET', $name, undef, sub { $org->filter("userName eq \"$name\"") });
        }
    }
}

sub is_closed {
    my ($pipe) = @_;
    vec(my $set = '', fileno $pipe, 1) = 1;
    return select $set, undef, undef, 0;
}

sub read_all {
    my ($self) = @_;
    return scalar grep { $_->look } @{ $self->{clients} };
}

# How many requests were answered 2xx so far; for waiting until traffic flows.
sub answered {
    my ($self) = @_;
    $self->read_all;
    my $answered = 0;
    $answered += () = $_->{text} =~ /"status":2/g for @{ $self->{clients} };
    return $answered;
}

# Wait until so many more requests have been answered 2xx.
sub wait_for {
    my ($self, $more) = @_;
    my $goal = $self->answered + $more;
    Scim::Server::wait_until("$more more requests are answered", 60, sub { $self->answered >= $goal });
}

sub stop {
    my ($self) = @_;
    close $self->{stop};
    Scim::Server::wait_until('the clients end', 60, sub { !$self->read_all });
    $_->wait for @{ $self->{clients} };
    return map { JSON::PP::decode_json($_) } map { split /\n/, $_->{text} } @{ $self->{clients} };
}

1;
