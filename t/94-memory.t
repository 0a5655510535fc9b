# SPDX-License-Identifier: Apache-2.0
# The memory of a child does not grow with the number of requests.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

# Its children serve no other test, and their few threads soon have served every kind
# of request.
# The log of requests keeps those of the last second or two in memory, so it has a
# Location of its own.
own_server(threads => 2, conf => "SCIMRequestLog Off\n<Location /open>\nSCIMRequestLog On\n</Location>\n");
my $org = organization();
my $user = $org->create(emails => [{ value => 'a@b.c', type => 'work' }]);
my $ROUND = 500;
my $BYTES = 64;            # per request: the smallest leak that is noticed

my %request = (
    'a match query' => sub { $org->get("/Users?filter=userName+eq+%22$user->{userName}%22") },
    'a list' => sub { $org->get('/Users?count=5&filter=title+pr') },
    'a page' => sub { $org->get('/Users?count=5') },
    'GET by id' => sub { $org->get("/Users/$user->{id}") },
    'PATCH' => sub { $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => "T$_[0]" }) },
    'PUT' => sub { $org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => "P$_[0]" }) },
    'POST and DELETE' => sub { $org->delete('/Users/' . $org->create->{id}) },
    'a refused body' => sub { $org->post('/Users', '{"userName": 01}') },
    'a refused filter' => sub { $org->get("/Users?filter=userName+xx+%22$_[0]%22") },
    'a refused token' => sub { $org->get('/Users', token => "scim_$_[0]") },
    'a wrong token' => sub { $org->get('/Users', token => sprintf 'scim_%064x', $_[0]) },
    'discovery' => sub { $org->get('/ServiceProviderConfig') },
);

# The largest lists in a body of 1 MiB: the memory for their comparisons is used again.
my $large = organization();
my $long = $large->create(emails => [map { { value => sprintf('%04d', $_) . 'A' x 220 } } 1 .. 1000]);
my %hostile = (
    'names to project' => sub { $large->post("/Users/.search", { attributes => [map { "x$_" . 'A' x 990 } 1 .. 1000] }) },
    'filters on a long list' => sub { $large->patch_ops($long->{id}, map { { op => 'replace', path => 'emails[value co "zz"].display', value => 'x' } } 1 .. 200) },
    'long lists to remove' => sub { $large->patch_ops($long->{id}, map { { op => 'remove', path => 'emails', value => [map { { value => "NOBODY$_" } } 1 .. 800] } } 1 .. 36) },
    'many that become primary' => sub { $large->patch_ops($long->{id}, map { { op => 'replace', path => 'emails[value pr].primary', value => TRUE } } 1 .. 100) },
);

# The connection is kept, so one child serves it all; which one is not known.
sub memory {
    my $parent = server()->httpd_pid;
    my %kb;
    for my $child (split ' ', Scim::Process::run(['pgrep', '-P', $parent])->{out}) {
        open my $in, '<', "/proc/$child/status" or next;
        while (<$in>) { $kb{$child} = $1 if /^VmRSS:\s+(\d+)/ }
    }
    return \%kb;
}

sub growth {
    my ($before, $after) = @_;
    my ($most) = sort { $b <=> $a } map { $after->{$_} - $before->{$_} } grep { $before->{$_} } keys %$after;
    return $most // 0;
}

# A thread takes and keeps some memory for its first request of a kind; a leak takes
# some each time.  So there must soon be a round without growth.
for my $name (sort keys %request) {
    my $code = $request{$name};
    my $count = 0;
    my @growth;
    do {
        my $before = memory();
        $code->(++$count) for 1 .. $ROUND;
        push @growth, growth($before, memory());
    } until $growth[-1] * 1024 < $ROUND * $BYTES || @growth == 8;
    cmp_ok $growth[-1] * 1024, '<', $ROUND * $BYTES, "$name: requests leave no memory behind"
        or diag "kB in each $ROUND: @growth";
}

# What the log of requests keeps is written by then.
sub memory_after_log { Scim::Process::until_true(2.5, sub { 0 }); return memory() }
my $logged = organization(profile => 'open');
my $written = $logged->create;
my @growth;
do {
    my $before = memory_after_log();
    $logged->patch_ops($written->{id}, { op => 'replace', path => 'title', value => "T$_" }) for 1 .. 2 * $ROUND;
    push @growth, growth($before, memory_after_log());
} until $growth[-1] * 1024 < 2 * $ROUND * $BYTES || @growth == 6;
cmp_ok $growth[-1] * 1024, '<', 2 * $ROUND * $BYTES, 'and so do requests that are logged' or diag "kB in each @{[2 * $ROUND]}: @growth";
is +(sql('SELECT sum(requests) FROM scim.request WHERE organization_id = $1', $logged->{id}))[0][0], 1 + 2 * $ROUND * @growth, 'all of which are';

for my $name (sort keys %hostile) {
    my $before = memory();
    my $r = $hostile{$name}->();
    ok $r->{status} == 200 || $r->{status} == 400, "$name: is answered" or diag "$r->{status} $r->{content}";
    cmp_ok growth($before, memory()), '<', 100_000, "$name: take less than 100 MB";
}

# A change that always loses the race is tried 200 times.
my $victim = $org->create(emails => [map { { value => sprintf('%04d', $_) . 'A' x 90 } } 1 .. 1000]);
sql('CREATE FUNCTION nobody() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;'
    . "CREATE TRIGGER a_nobody BEFORE UPDATE OR DELETE ON scim.account FOR EACH ROW WHEN (OLD.id = '$victim->{id}') EXECUTE FUNCTION nobody();");
my %again = (PATCH => sub { $org->patch_ops($victim->{id}, { op => 'replace', path => 'title', value => 'x' }) },
             PUT => sub { $org->put("/Users/$victim->{id}", { userName => $victim->{userName}, displayName => 'x', emails => $victim->{emails} }) },
             DELETE => sub { $org->delete("/Users/$victim->{id}") });
for my $name (sort keys %again) {
    my $before = memory();
    is $again{$name}->()->{status}, 503, "$name: a change that loses every race ends";
    cmp_ok growth($before, memory()), '<', 50_000, "$name: and its rounds use the memory of one";
}
done_testing;
