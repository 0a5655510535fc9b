# SPDX-License-Identifier: Apache-2.0
# A token that was good lately is looked up together with what its request reads, in
# one round trip; and whatever has changed since, the answer is that of a request that
# looks it up first.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;
use Time::HiRes ();

my $server = own_server(database_conf => "log_statement = all\nlog_line_prefix = '%m [%p] %v '\n",
                        conf => qq(LogFormat "%>s %u %{scim-token}n" who\nCustomLog who_log who\n));
my $log = "$server->{pgdata}/server.log";
my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';

# The statements of one request: [transaction, text], and the answer.
sub statements_of {
    my ($code) = @_;
    my $start = -s $log;
    my $answer = $code->();
    open my $in, '<', $log or die "$log: $!";
    seek $in, $start, 0;
    local $/;
    my @statements = map { /\[\d+\] (\S+) LOG:  execute [^:]*: (.*)/s ? [$1, $2] : () } split /^(?=\d{4}-\d\d-\d\d )/m, scalar <$in>;
    return ($answer, @statements);
}
sub is_look_up { return $_[0][1] =~ /scim\.token t ON/ }
sub reads { return grep { !is_look_up($_) && $_->[1] =~ /FROM scim\.account a|FROM p JOIN/ } @_ }

my $org = organization(domains => ['example.com']);
my $anna = $org->create(userName => 'anna@example.com', displayName => 'Anna');
sub get { return $org->get("/Users/$anna->{id}") }
get() for 1 .. 5;

for my $case (['GET of a User', \&get], ['a match query', sub { $org->get('/Users?filter=' . uri('userName eq "anna@example.com"')) }], ['a filter', sub { $org->get('/Users?filter=' . uri('title pr and active eq true')) }],
              ['a list', sub { $org->get('/Users?count=1') }], ['GET /', sub { $org->get('/?filter=' . uri('displayName eq "Anna"')) }], ['a User that is not there', sub { $org->get('/Users/00000000-0000-4000-8000-000000000000') }, 404],
              ['HEAD', sub { Scim::Test::http()->request(HEAD => "/scim/$org->{key}/v2/Users/$anna->{id}", [Authorization => "Bearer $org->{token}"], undef) }]) {
    my ($name, $code, $status) = @$case;
    $code->() for 1 .. 2;
    my ($answer, @statements) = statements_of($code);
    is $answer->{status}, $status // 200, "$name is answered";
    is_deeply [map { is_look_up($_) ? 'token' : 'read' } @statements[0, 1]], ['token', 'read'], 'its token is looked up, and then it is read';
    is $statements[0][0], $statements[1][0], 'in one transaction';
}

# The body is read before the token is looked up.
my $made = 0;
sub new_user { return { schemas => [CORE], userName => 'made' . ++$made . '@example.com', displayName => 'Made', @_ } }
sub post { return $org->post('/Users', new_user(@_)) }
sub patch { my ($name) = @_; return $org->patch_ops($anna->{id}, { op => 'replace', path => 'displayName', value => $name // 'Anna ' . ++$made }) }
post();
for my $case (['POST', \&post, 201, 1], ['PATCH', \&patch, 200, 2], ['PATCH that changes nothing', sub { patch('Anna same') }, 200, 1], ['PUT', sub { $org->put("/Users/$anna->{id}", { schemas => [CORE], userName => 'anna@example.com', displayName => 'Anna ' . ++$made }) }, 200, 2],
              ['a search', sub { $org->post('/Users/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => 'userName eq "anna@example.com"' }) }, 200, 1],
              ['a POST of a userName that is taken', sub { $org->post('/Users', { schemas => [CORE], userName => 'anna@example.com', displayName => 'A' }) }, 409, 2],
              ['a POST of a group', sub { $org->post('/Groups', { schemas => [$GROUP], displayName => 'Group ' . ++$made }) }, 201, 2]) {
    my ($name, $code, $status, $transactions) = @$case;
    $code->() for 1 .. 2;
    my ($answer, @statements) = statements_of($code);
    is $answer->{status}, $status, "$name is answered" or diag $answer->{content};
    my %transaction = map { $_->[0] => 1 } @statements;
    is scalar(keys %transaction), $transactions, "in $transactions transaction(s)" or diag join "\n", map { "@$_" } @statements;
    ok is_look_up($statements[0]), 'of which the first looks the token up';
}

sub seen {
    my ($answer, @statements) = statements_of(\&get);
    return ($answer->{status}, scalar reads(@statements));
}
sub scimctl { return Scim::Process::run([$server->scimctl(@_)]) }

# Nothing is read for whom the token does not let in.
get();
my $second = $org->new_token;
{
    local $org->{token} = $second;
    get() for 1 .. 2;
    sql('DELETE FROM scim.token WHERE organization_id = $1 AND hash = sha256($2::bytea)', $org->{id}, $second);
    is_deeply [seen()], [401, 0], 'a token that was deleted a moment ago: 401, and nothing was read';
    is $org->get('/Users?filter=x')->{status}, 401, 'a filter that is wrong is not told to it';
    is_deeply [seen()], [401, 0], 'nor later';
}
# Nothing is written down about it, either: it is nobody's.
{
    my $good = $org->{token};
    local $org->{token} = $org->new_token;
    my ($asked, $other) = map { (sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name) VALUES ($1, $2, $2) RETURNING id}, $org->{id}, $_))[0][0] } 'asked', 'other';
    $org->get('/Users?count=0') for 1 .. 2;
    sql('DELETE FROM scim.token WHERE organization_id = $1 AND hash = sha256($2::bytea)', $org->{id}, $org->{token});
    is $org->get("/Users/$asked")->{status}, 401, 'a token that was deleted';
    $org->{token} = $good;
    is $org->get("/Users/$other")->{status}, 200, 'and one that is good';
    my $sees = sub { return scalar(my @rows = sql('SELECT 1 FROM scim.account_seen WHERE organization_id = $1 AND account_id = $2', $org->{id}, $_[0])) };
    Scim::Server::wait_until('an account was seen', 10, sub { $sees->($other) });
    is $sees->($asked), 0, 'what the first one asked for was not seen';
    is_deeply [sql('SELECT actor_name FROM scim.request WHERE organization_id = $1 AND status = 401', $org->{id})], [], 'nor is that in the log of requests';
    my @lines;
    Scim::Server::wait_until('the access log', 10, sub { @lines = do { local @ARGV = "$server->{dir}/httpd/who_log"; <> }; $lines[-1] =~ /^200 / });
    is_deeply [grep { /^401 (?!- -$)/ } @lines], [], 'nor its name in the access log';
}
# What is there of the accounts, and their last change.
sub stored { return join ' ', @{ (sql('SELECT count(*), max(updated_at) FROM scim.account WHERE organization_id = $1', $org->{id}))[0] } }
$second = $org->new_token;
for my $write (\&post, \&patch, sub { $org->delete("/Users/$anna->{id}") }) {
    local $org->{token} = $second;
    post();
    patch();
    my $before = stored();
    sql('UPDATE scim.token SET expires_at = now() WHERE organization_id = $1 AND hash = sha256($2::bytea)', $org->{id}, $second);
    my ($answer, @statements) = statements_of($write);
    is $answer->{status}, 401, 'a write with a token that has just ended';
    is stored(), $before, 'changes nothing';
    is scalar(grep { /(?:INSERT INTO|UPDATE|DELETE FROM) scim\.account/ } map { $_->[1] } @statements), 0, 'nor was it tried';
    is Scim::Test::http()->request(POST => "/scim/$org->{key}/v2/Users", [Authorization => "Bearer $second", 'Content-Type' => 'application/scim+json'], '{"x')->{status}, 401, 'a body that is wrong is not told to it';
    sql('UPDATE scim.token SET expires_at = NULL WHERE organization_id = $1 AND hash = sha256($2::bytea)', $org->{id}, $second);
}
is Scim::Test::http()->request(POST => "/scim/$org->{key}/v2/Users", [Authorization => "Bearer $org->{token}", 'Content-Type' => 'application/scim+json'], '{"x')->{status}, 400, 'but to one that is good';
is post()->{status}, 201, 'which then goes on';
my $before = stored();
sql(q{UPDATE scim.organization SET domains = '{example.org}' WHERE id = $1}, $org->{id});
is_error(post(), 400, 'invalidValue', 'the domains of the organization have changed: they hold at once');
is stored(), $before, 'and nothing was made';
is $org->post('/Users', new_user(userName => 'first@example.org'))->{status}, 201, 'but in a new domain';
sql(q{UPDATE scim.organization SET domains = '{}' WHERE id = $1}, $org->{id});
is post()->{status}, 201, 'and in any when there are none';
sql(q{UPDATE scim.account SET preferred_language = 'ja', timezone = 'Asia/Tokyo' WHERE id = $1}, $org->{issuer});
is_deeply [@{ post()->{json} }{qw(preferredLanguage timezone)}], ['ja', 'Asia/Tokyo'], 'a new account has what its issuer has now';
sql(q{UPDATE scim.account SET preferred_language = NULL, timezone = NULL WHERE id = $1}, $org->{issuer});
is_deeply [@{ post()->{json} }{qw(preferredLanguage timezone)}], [undef, undef], 'or nothing';
is $org->get('/Users?filter=x')->{status}, 400, 'but to one that is good';
for my $case (['pause', 503], ['resume', 200], ['disable', 403], ['enable', 200]) {
    my ($word, $status) = @$case;
    get() for 1 .. 2;
    scimctl('org', $word, $org->{key});
    is_deeply [seen()], [$status, $status == 200 ? 1 : 0], "org $word: $status";
    is get()->{status}, $status, 'from then on';
}
for my $case (['pause', 503], ['resume', 201], ['disable', 403], ['enable', 201]) {
    my ($word, $status) = @$case;
    post();
    my $before = stored();
    scimctl('org', $word, $org->{key});
    is post()->{status}, $status, "a POST after org $word: $status";
    is stored() eq $before ? 'same' : 'more', $status == 201 ? 'more' : 'same', 'and what it says';
}
sql(q{UPDATE scim.token SET expires_at = now() - interval '1 second' WHERE organization_id = $1}, $org->{id});
is_deeply [seen()], [401, 0], 'a token that has ended';
sql(q{UPDATE scim.token SET expires_at = NULL WHERE organization_id = $1}, $org->{id});
is_deeply [seen()], [200, 1], 'one that is good again';

# What else it said of the organization
get() for 1 .. 2;
sql('UPDATE scim.organization SET has_groups = false WHERE id = $1', $org->{id});
get() for 1 .. 2;
my $group = $org->post('/Groups', { schemas => [$GROUP], displayName => 'Staff', members => [{ value => $anna->{id} }] })->{json}{id};
is_deeply [map { $_->{value} } @{ get()->{json}{groups} || [] }], [$group], 'the first group of the organization is answered with a User at once';
is $org->delete("/Groups/$group")->{status}, 204, 'DELETE';
get() for 1 .. 2;
sql(q{UPDATE scim.organization SET key = $2 WHERE id = $1}, $org->{id}, "$org->{key}-2");
is get()->{status}, 401, 'the organization has another key';
sql(q{UPDATE scim.organization SET key = $2 WHERE id = $1}, $org->{id}, $org->{key});
is get()->{status}, 200, 'and its own again';
my $cursor = $org->get('/Users?cursor&count=1')->{json}{nextCursor};
ok $cursor, 'a cursor';
is $org->get('/Users?cursor=' . uri($cursor) . '&count=1')->{status}, 200, 'is good';
sql(q{UPDATE scim.organization SET cursor_key = decode(repeat('ab', 32), 'hex') WHERE id = $1}, $org->{id});
is $org->get('/Users?cursor=' . uri($cursor) . '&count=1')->{status}, 400, 'until its secret is another one';

sub last_use { return (sql(q{SELECT last_used_at > now() - interval '1 minute' FROM scim.token WHERE organization_id = $1}, $org->{id}))[0][0] }
sql(q{UPDATE scim.token SET last_used_at = now() - interval '1 hour' WHERE organization_id = $1}, $org->{id});
get();
is last_use(), 't', 'the use of the token is recorded';

my $other = organization();
is Scim::Test::http()->request(GET => "/scim/$other->{key}/v2/Users/$anna->{id}", [Authorization => "Bearer $org->{token}"], undef)->{status}, 401, 'a token of another organization is none';
is $other->get("/Users/$anna->{id}")->{status}, 404, 'and this one has no such User';
is get()->{status}, 200, 'which the first one has';
is $org->delete("/Users/$anna->{id}")->{status}, 204, 'a DELETE has no body either';
is get()->{status}, 404, 'it is done once';

# A write is done when it is committed: the commit may fail, or its answer be lost,
# after the row was sent, which a large one is before.
sql(q{CREATE FUNCTION public.at_commit() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
          IF NEW.user_name LIKE 'refused%' THEN RAISE EXCEPTION 'not committed' USING ERRCODE = '40001'; END IF;
          IF NEW.user_name LIKE 'lost%' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(1); END IF;
          RETURN NULL; END $f$});
sql('CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON scim.account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.at_commit()');
for my $name ('refused', 'lost') {
    for my $size (1, 20_000) {
        my $user = "$name$size\@example.com";
        $other->get('/Users?count=0') for 1 .. 2;
        $other->post('/Users', { schemas => [CORE], userName => "fine-$user", displayName => 'F' });
        my $r = $other->post('/Users', { schemas => [CORE], userName => $user, displayName => 'C', roles => [{ value => 'USER', primary => TRUE }], title => 'x' x $size });
        is $r->{status}, 503, "a POST of $size bytes whose commit is $name is not acknowledged" or diag $r->{content};
        is $other->filter("userName eq \"$user\"")->{json}{totalResults}, 0, 'and there is no such User';
    }
}
sql('DROP FUNCTION public.at_commit() CASCADE');

# A search to which the database gives no answer is not begun again.
$other->filter('title pr') for 1 .. 2;
my $holder = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
$holder->say(q{BEGIN; LOCK TABLE scim.account; SELECT 'held';});
$holder->line;
my $begin = Time::HiRes::time();
is $other->filter('title pr')->{status}, 503, 'a search that has to wait';
cmp_ok Time::HiRes::time() - $begin, '<', 5.5, 'does so once';
$holder->stop;
done_testing;
