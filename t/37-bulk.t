# SPDX-License-Identifier: Apache-2.0
# POST /Bulk (RFC 7644 section 3.7).
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $RESPONSE = 'urn:ietf:params:scim:api:messages:2.0:BulkResponse';
own_server();           # its accounts get a trigger, and its sessions are read
my $org = organization();
my $n = 0;

sub body { my ($operations, %more) = @_; return { schemas => [BULK], Operations => $operations, %more } }
sub bulk { my ($operations, %more) = @_; return $org->post('/Bulk', body($operations, %more)) }
sub user { my (%more) = @_; return { schemas => [CORE], userName => 'bulk' . ++$n . '@example.com', displayName => "Bulk $n", %more } }
sub add { my ($id, %more) = @_; return { method => 'POST', path => '/Users', bulkId => $id, data => user(%more) } }
sub manager { my ($reference) = @_; return (ENT, { manager => { value => $reference } }) }
sub patch { return { schemas => [PATCHOP], Operations => [@_] } }
sub results { my ($r) = @_; return $r->{json}{Operations} || [] }
sub statuses { return join ' ', map { $_->{status} // '?' } @{ results(@_) } }
sub id_of { my ($result) = @_; return ($result->{location} // '') =~ m{/Users/([^/]+)$} ? $1 : undef }
sub manager_of { my ($id) = @_; return $org->get("/Users/$id")->{json}{ (ENT) }{manager}{value} }
sub stored { return $org->get('/Users?count=0')->{json}{totalResults} }

# One of each
my $old = $org->create;
my $gone = $org->create;
my $r = bulk([add('a', displayName => 'New'), { method => 'PUT', path => "/Users/$old->{id}", data => user(displayName => 'Put') },
              { method => 'PATCH', path => "/Users/$old->{id}", data => patch({ op => 'replace', path => 'displayName', value => 'Patched' }) },
              { method => 'DELETE', path => "/Users/$gone->{id}", data => 'ignored' }]);
is $r->{status}, 200, 'BULK-01: a bulk request is answered 200' or diag $r->{content};
is_deeply $r->{json}{schemas}, [$RESPONSE], 'BULK-01: with a BulkResponse';
is statuses($r), '201 200 200 204', 'BULK-01, BULK-10, BULK-16: one result per operation, in order, status as text';
is_deeply [map { $_->{method} } @{ results($r) }], [qw(POST PUT PATCH DELETE)], 'BULK-10: with the method';
like $r->{content}, qr/"status":"201"/, 'BULK-10: status is a string';
my ($post, $put, $patched, $deleted) = @{ results($r) };
is $post->{bulkId}, 'a', 'BULK-12: the bulkId comes back';
my $made = $org->get('/Users/' . id_of($post));
is $made->{json}{displayName}, 'New', 'BULK-11: location is that of the new User';
is $post->{location}, $made->{json}{meta}{location}, 'BULK-11: the same as meta.location';
is $post->{version}, $made->{json}{meta}{version}, 'BULK-13: version is the new one';
is $patched->{version}, $org->get("/Users/$old->{id}")->{headers}{etag}, 'BULK-13: after PATCH too';
is $deleted->{version}, undef, 'BULK-13: but not after DELETE';
is $deleted->{location}, $org->url . "/Users/$gone->{id}", 'BULK-11: DELETE has a location';
is_deeply [grep { exists $_->{response} } @{ results($r) }], [], 'BULK-15: success needs no response';
is $org->get("/Users/$gone->{id}")->{status}, 404, 'BULK-01: the deleted account is gone';
is $org->get("/Users/$old->{id}")->{json}{displayName}, 'Patched', 'BULK-32: the later operation has the last word';
unlike $made->{json}{id}, qr/bulkId/, 'BULK-29: no id contains bulkId';

# The envelope
my $before = stored();
is_error($org->post('/Bulk', $_->[0]), 400, 'invalidSyntax', "BULK-02: $_->[1]")
    for [{ Operations => [add('x')] }, 'no schemas'], [{ schemas => [CORE], Operations => [add('x')] }, 'wrong schemas'],
        [{ schemas => [BULK] }, 'no Operations'], [{ schemas => [BULK], Operations => {} }, 'Operations is not a list'],
        [body([]), 'Operations is empty'], [body([add('x'), 5]), 'an operation is not an object'], [[], 'a list'], [body('x'), 'Operations is text'];
is_error(bulk([add('x'), add('x')]), 400, 'invalidSyntax', 'BULK-07: a bulkId twice');
is_error(bulk([add('x')], failOnErrors => $_), 400, 'invalidSyntax', "BULK-20: failOnErrors $_") for -1, 1.5, 'many';
is_error($org->post('/Bulk', body([add('x')], failOnErrors => 0), profile => 'strict'), 400, 'invalidSyntax', 'BULK-20: failOnErrors 0');
my $much = bulk([map { add("x$_") } 1 .. 1001]);
is_error($much, 413, undef, 'BULK-30: more than maxOperations');
like $much->{json}{detail}, qr/1000/, 'BULK-30: with the number';
my $large = body([add('x', title => 'x' x 1_100_000)]);
is_error($org->post('/Bulk', $large), 413, undef, 'BULK-31: more than maxPayloadSize');
is_error($org->get('/Bulk'), 405, undef, 'BULK: GET');
is stored(), $before, 'BULK-02, BULK-07, BULK-20, BULK-30, BULK-31: and nothing was stored';
my $config = $org->get('/ServiceProviderConfig')->{json};
is_deeply $config->{bulk}, { supported => TRUE, maxOperations => 1000, maxPayloadSize => 1048576 }, 'DISC-11: ServiceProviderConfig tells the limits';
is_error($org->post('/Bulk', body([add('x')]), profile => 'small'), 501, undef, 'BULK-37: switched off it is 501');
is $org->get('/ServiceProviderConfig', profile => 'small')->{json}{bulk}{supported}, FALSE, 'BULK-37: and ServiceProviderConfig says so';

# Operations that fail alone
my %wrong = (
    'BULK-03: GET' => [{ method => 'GET', path => "/Users/$old->{id}" }, 400, 'invalidSyntax'],
    'BULK-03: no method' => [{ path => '/Users', bulkId => 'x', data => user() }, 400, 'invalidSyntax'],
    'BULK-04: POST to a User' => [{ %{ add('x') }, path => "/Users/$old->{id}" }, 400, 'invalidValue'],
    'BULK-04: PATCH of all Users' => [{ method => 'PATCH', path => '/Users', data => patch() }, 400, 'invalidValue'],
    'BULK-04: an unknown endpoint' => [{ %{ add('x') }, path => '/Nothing' }, 404, undef],
    'BULK-04: no path' => [{ method => 'POST', bulkId => 'x', data => user() }, 400, 'invalidSyntax'],
    'BULK-04: an unknown User' => [{ method => 'DELETE', path => '/Users/00000000-0000-0000-0000-000000000000' }, 404, undef],
    'BULK-05: a query' => [{ %{ add('x') }, path => '/Users?a=b' }, 400, 'invalidValue'],
    'BULK-06: POST without bulkId' => [{ method => 'POST', path => '/Users', data => user() }, 400, 'invalidSyntax'],
    'BULK-08: POST without data' => [{ method => 'POST', path => '/Users', bulkId => 'x' }, 400, 'invalidSyntax'],
    'BULK-08: PATCH with a list' => [{ method => 'PATCH', path => "/Users/$old->{id}", data => [] }, 400, 'invalidSyntax'],
    'BULK-22: an unknown reference' => [add('x', manager('bulkId:nobody')), 400, 'invalidValue'],
    'BULK-24: an unknown reference in the path' => [{ method => 'DELETE', path => '/Users/bulkId:nobody' }, 400, 'invalidValue'],
    'BULK-33: a stale version' => [{ method => 'DELETE', path => "/Users/$old->{id}", version => 'W/"1"' }, 412, undef],
    'BULK-34: a userName that is taken' => [add('x', userName => $org->{issuer_name}), 409, 'uniqueness'],
    'BULK-35: the issuer of the token' => [{ method => 'DELETE', path => "/Users/$org->{issuer}" }, 403, undef],
    'BULK-36: Bulk in Bulk' => [{ method => 'POST', path => '/Bulk', bulkId => 'x', data => body([add('y')]) }, 404, undef],
    'BULK-36: .search' => [{ method => 'POST', path => '/Users/.search', bulkId => 'x', data => {} }, 400, 'invalidValue'],
    'BULK-36: Me' => [{ method => 'PATCH', path => '/Me', data => patch() }, 404, undef],
    'BULK-27: a value that breaks a rule' => [add('x', userName => 'no address'), 400, 'invalidValue'],
);
$before = stored();
for my $name (sort keys %wrong) {
    my ($operation, $status, $type) = @{ $wrong{$name} };
    my $result = results(bulk([$operation]))->[0];
    is $result->{status}, $status, "$name is $status";
    is_deeply [@{ $result->{response} }{qw(schemas status scimType)}], [[ERROR_URN], "$status", $type], "BULK-14: $name has an Error";
    ok length $result->{response}{detail}, "BULK-14: $name is explained";
    my $is_post = ($operation->{method} // '') eq 'POST';
    is defined $result->{location}, !$is_post && defined $operation->{path}, "BULK-11: $name has a location unless it is a POST";
}
is stored(), $before, 'BULK-03 to BULK-36: nothing was stored';
my $twice = 'bulk-twice@example.com';
is statuses(bulk([add('a', userName => $twice), add('b', userName => uc $twice)])), '201 409', 'BULK-34: the same userName twice in one request';
is statuses(bulk([{ method => 'PUT', path => $org->url . "/Users/$old->{id}", data => user() }, { %{ add('a') }, path => 'Users' }, { %{ add('b') }, path => '/Users/' }])),
    '200 201 201', 'BULK-05: absolute paths, and without the slash';
is statuses(bulk([{ method => 'patch', path => "/Users/$old->{id}", data => patch({ op => 'add', path => 'title', value => 'x' }) }])), '200', 'BULK-03: the method in any case';
my $etag = $org->get("/Users/$old->{id}")->{headers}{etag};
is statuses(bulk([{ method => 'PATCH', path => "/Users/$old->{id}", version => $etag, data => patch({ op => 'add', path => 'title', value => 'y' }) },
                  { method => 'PATCH', path => "/Users/$old->{id}", version => $etag, data => patch({ op => 'add', path => 'title', value => 'z' }) }])), '200 412',
    'BULK-33: each operation has its version';
is results(bulk([{ method => 'PATCH', path => "/Users/$old->{id}", data => [{ op => 'add', path => 'title', value => 'x' }] }]))->[0]{response}{scimType}, 'invalidSyntax',
    'BULK-09: PATCH data is a PatchOp, not a bare list';
is $org->post('/Bulk?attributes=id', body([add('a')]))->{json}{Operations}[0]{status}, '201', 'BULK-38: attributes is ignored';

# failOnErrors
my @bad = map { { method => 'DELETE', path => "/Users/00000000-0000-0000-0000-00000000000$_" } } 1 .. 3;
is statuses(bulk([add('a'), @bad, add('b')])), '201 404 404 404 201', 'BULK-17: without failOnErrors all are tried';
is statuses(bulk([@bad])), '404 404 404', 'BULK-17, BULK-39: 200 even if all fail';
$before = stored();
is statuses(bulk([add('a'), @bad, add('b')], failOnErrors => 1)), '201 404', 'BULK-18: the first error stops it';
is stored(), $before + 1, 'BULK-21: completed operations are kept';
is statuses(bulk([add('a'), $bad[0], add('b'), $bad[1], add('c')], failOnErrors => 2)), '201 404 201 404', 'BULK-19: or the second';

# Consecutive creations, which are otherwise sent together
$before = stored();
is statuses(bulk([add('a', userName => $org->{issuer_name}), add('b'), add('c')], failOnErrors => 1)), '409',
    'BULK-18: the first error stops creations side by side, too';
is stored(), $before, 'BULK-18: and those behind it are not made';

# A failure of the server
sql(<<'SQL');
CREATE FUNCTION scim.fail() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = 'P0002'; END$$;
CREATE TRIGGER fail BEFORE INSERT ON scim.account FOR EACH ROW WHEN (NEW.display_name = 'Fails') EXECUTE FUNCTION scim.fail();
SQL
$before = stored();
is statuses(bulk([add('a'), add('b', displayName => 'Fails'), add('c')], failOnErrors => 9)), '201 500', 'BULK-17: a 5xx stops it, however many errors are allowed';
is stored(), $before + 1, 'BULK-17: and later operations are not tried';
sql('DROP TRIGGER fail ON scim.account; DROP FUNCTION scim.fail');

# References
sub check_manager {
    my ($r, $of, $is, $name) = @_;
    my %id = map { ($_->{bulkId} // '' => id_of($_)) } @{ results($r) };
    my $have = manager_of($id{$of});
    is $have, $id{$is}, $name or diag $r->{content};
    my ($result) = grep { ($_->{bulkId} // '') eq $of } @{ results($r) };
    is $result->{version}, $org->get("/Users/$id{$of}")->{headers}{etag}, "BULK-13: $of: and the version is the last";
}
$r = bulk([add('boss'), add('mate', manager('bulkId:boss'))]);
is statuses($r), '201 201', 'BULK-22: a reference backwards';
check_manager($r, 'mate', 'boss', 'BULK-22, BULK-23: is the id');
like $org->get('/Users/' . id_of(results($r)->[1]))->{json}{ (ENT) }{manager}{'$ref'}, qr{/Users/\Q@{[ id_of(results($r)->[0]) ]}\E$}, 'BULK-22: with its $ref';
$r = bulk([add('mate', manager('bulkId:boss')), add('boss')]);
is statuses($r), '201 201', 'BULK-25: a reference forwards';
is_deeply [map { $_->{bulkId} } @{ results($r) }], [qw(mate boss)], 'BULK-16: results are in the order of the request';
check_manager($r, 'mate', 'boss', 'BULK-25: is the id');
$r = bulk([add('a', manager('bulkId:b')), add('b', manager('bulkId:a'))]);
is statuses($r), '201 201', 'BULK-26: in a circle';
check_manager($r, 'a', 'b', 'BULK-26: one way');
check_manager($r, 'b', 'a', 'BULK-26: and the other');
$r = bulk([add('self', manager('bulkId:self'))]);
check_manager($r, 'self', 'self', 'BULK-26: somebody who is his own manager');
$r = bulk([map { add("c$_", manager('bulkId:c' . ($_ + 1) % 100)) } 0 .. 99]);
is_deeply [grep { $_->{status} ne '201' } @{ results($r) }], [], 'BULK-26: a circle of a hundred';
my @ids = map { id_of($_) } @{ results($r) };
is_deeply [(map { $_->[0] } sql(q{SELECT attributes #>> ARRAY[$2, 'manager', 'value'] FROM scim.account
    JOIN unnest($1::uuid[]) WITH ORDINALITY o(id, n) USING (id) ORDER BY n}, '{' . join(',', @ids) . '}', ENT))], [@ids[1 .. 99], $ids[0]],
    'BULK-26: each has the next as manager';
$r = bulk([{ method => 'PUT', path => "/Users/$old->{id}", data => user(manager('bulkId:boss')) },
           { method => 'PATCH', path => "/Users/$made->{json}{id}", data => patch({ op => 'add', path => ENT . ':manager', value => { value => 'bulkId:boss' } }) }, add('boss')]);
is statuses($r), '200 200 201', 'BULK-23: in PUT and in PATCH';
is manager_of($_), id_of(results($r)->[2]), 'BULK-23: is the id' for $old->{id}, $made->{json}{id};
$r = bulk([{ method => 'PATCH', path => "/Users/$old->{id}", data => patch({ op => 'replace', path => ENT . ':manager.value', value => 'bulkId:boss' }) },
           { method => 'PATCH', path => "/Users/$made->{json}{id}", data => patch({ op => 'replace', value => { ENT . ':manager' => 'bulkId:boss' } }) }, add('boss')]);
is statuses($r), '200 200 201', 'BULK-23: whatever the form of the path';
is manager_of($_), id_of(results($r)->[2]), 'BULK-23: is the id' for $old->{id}, $made->{json}{id};
$r = bulk([add('x', displayName => 'bulkId:x', externalId => 'bulkId:x')]);
is_deeply [@{ $org->get('/Users/' . id_of(results($r)->[0]))->{json} }{qw(displayName externalId)}], ['bulkId:x', 'bulkId:x'], 'BULK-28: other attributes keep the text';
$r = bulk([add('x'), { method => 'PATCH', path => '/Users/bulkId:x', data => patch({ op => 'add', path => 'title', value => 'Chief' }) }]);
is statuses($r), '201 200', 'BULK-24: a reference in the path';
is $org->get('/Users/' . id_of(results($r)->[0]))->{json}{title}, 'Chief', 'BULK-24: is the new User';
is results($r)->[1]{location}, results($r)->[0]{location}, 'BULK-24: with its location';
is statuses(bulk([{ method => 'DELETE', path => '/Users/bulkId:x' }, add('x')])), '204 201', 'BULK-24: which may even come later';
my $taken = $org->{issuer_name};
$before = stored();
for my $case (['BULK-27: backwards', add('bad', userName => $taken), add('x', manager('bulkId:bad'))], ['BULK-27: forwards', add('x', manager('bulkId:bad')), add('bad', userName => $taken)],
              ['BULK-26: in a circle', add('x', manager('bulkId:bad')), add('bad', userName => $taken, manager('bulkId:x'))],
              ['BULK-26: in a circle, the other way', add('bad', userName => $taken, manager('bulkId:x')), add('x', manager('bulkId:bad'))],
              ['BULK-27: through another', add('bad', userName => $taken), add('x', manager('bulkId:bad')), add('y', manager('bulkId:x'))]) {
    my ($name, @operations) = @$case;
    my $r = bulk(\@operations);
    is_deeply [grep { $_->{status} ne '409' } @{ results($r) }], [], "$name a reference to what failed is 409" or diag $r->{content};
    is stored(), $before, "$name nothing of it is stored";
}
$r = bulk([add('a', manager('bulkId:b')), add('b', manager('bulkId:a')), { method => 'DELETE', path => '/Users/bulkId:a' }]);
is statuses($r), '201 201 204', 'BULK-26: an account that is deleted again needs no manager';
$r = bulk([add('x', manager('bulkId:y')), $bad[0], add('y')], failOnErrors => 1);
is statuses($r), '201 404 201', 'BULK-32: an operation that another needs is done before the stop';

# Its effects
is_deeply [sql(q{SELECT 1 FROM pg_stat_activity WHERE datname = 'scim' AND state LIKE 'idle in%'})], [], 'BULK-21: no transaction stays open';
sql(<<'SQL');
CREATE TABLE scim.waits (setting text);
GRANT INSERT ON scim.waits TO scim;
CREATE FUNCTION scim.note_wait() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO scim.waits VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$;
CREATE TRIGGER note_wait AFTER INSERT ON scim.account FOR EACH ROW EXECUTE FUNCTION scim.note_wait();
SQL
bulk([add('a')]);
bulk([add('b'), $bad[0]], failOnErrors => 1);
is_deeply [sql('TRUNCATE scim.waits; SELECT 1')], [[1]], 'BULK-21: bulk requests have run';
$org->create for 1 .. 20;
is_deeply [sql('SELECT DISTINCT setting FROM scim.waits')], [['on']], 'BULK-21: single requests wait for the disk as before';
sql('DROP TRIGGER note_wait ON scim.account; DROP FUNCTION scim.note_wait; DROP TABLE scim.waits;');
my $events = event_count($org);
bulk([map { add("e$_") } 1 .. 5]);
is event_count($org), $events + 5, 'BULK-21: each operation is an event';
is scalar(sql(q{SELECT 1 FROM (SELECT DISTINCT xmin FROM scim.account WHERE organization_id = $1 AND created_at > now() - interval '1 hour' AND user_name LIKE 'bulk%') x
    HAVING count(*) > 5}, $org->{id})), 1, 'BULK-21: in a transaction of its own';
is_error($org->post('/Bulk', body([add('a')]), token => 'wrong'), 401, undef, 'BULK-39: without a token the whole is refused');
my $disabled = organization(enabled => 0);
is_error($disabled->post('/Bulk', body([add('a')])), 403, undef, 'BULK-39: as it is with provisioning switched off');
for my $strict ('strict', 'open', 'open-strict') {
    my $r = $org->post('/Bulk', body([add('a', manager('bulkId:b')), add('b', manager('bulkId:a'))]), profile => $strict);
    is statuses($r), '201 201', "BULK-26: in a circle, $strict";
}


# References in every form, and what depends on them
my $refs = organization();
my $ENT_MANAGER = ENT . ':manager';
sub run_bulk { my @operations = @_; return @{ $refs->post('/Bulk', { schemas => [BULK], Operations => \@operations })->{json}{Operations} } }
sub creating { my ($bulk_id, %with) = @_; return { method => 'POST', path => '/Users', bulkId => $bulk_id, data => { userName => user_name(), displayName => $bulk_id, %with } } }
sub managed_by { return (ENT, { manager => $_[0] }) }
sub changing { my ($id, @operations) = @_; return { method => 'PATCH', path => "/Users/$id", data => { schemas => [PATCHOP], Operations => \@operations } } }
sub outcome_of { return [map { $_->{status} } @_] }
sub made_id { return $_[0]{location} =~ s{.*/}{}r }
sub manager_of_account { return $refs->get("/Users/$_[0]")->{json}{ (ENT) }{manager}{value} }

for my $form ('/Users/bulkId:B', '../Users/bulkId:B', $refs->url . '/Users/bulkId:B') {
    my $bystander = $refs->create;
    my @done = run_bulk(creating(A => managed_by({ '$ref' => $form })), creating('B'), { method => 'DELETE', path => "/Users/$bystander->{id}" });
    is_deeply outcome_of(@done), [201, 201, 204], "BULK-28: \$ref $form: all operations are tried";
    is manager_of_account(made_id($done[0])), made_id($done[1]), 'BULK-22: and the reference is resolved';
}
my @done = run_bulk(creating(A => managed_by({ value => '/Users/bulkId:B' })), creating('B'));
is manager_of_account(made_id($done[0])), made_id($done[1]), 'BULK-27: a path as value is a reference, too';
is_error($refs->post('/Users', { userName => user_name(), displayName => 'x', managed_by({ value => 'bulkId:B' }) }), 400, 'invalidValue', 'BULK-27: outside of a bulk request it is none');

# A circle that fails
my ($one, $two) = map { $refs->create } 1, 2;
$taken = $refs->create;
@done = run_bulk({ %{ creating(A => managed_by({ value => 'bulkId:B' })) }, data => { userName => $taken->{userName}, displayName => 'x', managed_by({ value => 'bulkId:B' }) } },
    creating(B => managed_by({ value => 'bulkId:A' })),
    changing($one->{id}, { op => 'replace', path => 'title', value => 'CHANGED' }, { op => 'add', path => "$ENT_MANAGER.value", value => 'bulkId:B' }),
    { method => 'PUT', path => "/Users/$two->{id}", data => { userName => $two->{userName}, displayName => 'x', title => 'CHANGED', managed_by({ value => 'bulkId:B' }) } },
    changing('bulkId:B', { op => 'replace', path => 'title', value => 'CHANGED' }));
is_deeply outcome_of(@done), [409, 409, 409, 409, 409], 'BULK-21: operations that need a failed one fail';
is_deeply [map { $refs->get("/Users/$_->{id}")->{json}{title} } $one, $two], [undef, undef], 'BULK-21: and nothing of a failed operation is stored';
@done = run_bulk(changing('bulkId:B', { op => 'add', path => "$ENT_MANAGER.value", value => 'bulkId:C' }), creating('B'), creating('C'));
is_deeply [outcome_of(@done), manager_of_account(made_id($done[1]))], [[200, 201, 201], made_id($done[2])], 'BULK-24: a path and a value may refer to different operations';

# The order of events
@done = run_bulk(creating(A => managed_by({ value => 'bulkId:B' })), creating(B => managed_by({ value => 'bulkId:A' })), changing('bulkId:B', { op => 'remove', path => $ENT_MANAGER }));
is_deeply outcome_of(@done), [201, 201, 200], 'BULK-32: a circle, and a change of it';
is manager_of_account(made_id($done[1])), undef, 'BULK-32: the change is not undone';
is manager_of_account(made_id($done[0])), made_id($done[1]), 'BULK-25: the circle is closed';
@done = run_bulk(creating(D => managed_by({ value => 'bulkId:D' })), changing('bulkId:D', { op => 'replace', path => "$ENT_MANAGER.value", value => $one->{id} }));
is manager_of_account(made_id($done[0])), $one->{id}, 'BULK-32: nor a new manager of who was his own';

# Conditions
for my $version (5, {}, [], TRUE) {
    my ($r) = run_bulk({ method => 'DELETE', path => "/Users/$one->{id}", version => $version });
    is $r->{status}, 400, 'BULK-33: a version that is not a string is an error of the operation';
}
is $refs->get("/Users/$one->{id}")->{status}, 200, 'BULK-33: which does nothing';

# For the administrators
my $unlucky = user_name();
run_bulk(creating('ok'), { method => 'POST', path => '/Users', bulkId => 'x', data => { userName => $unlucky } }, { method => 'DELETE', path => "/Users/$refs->{issuer}" });
my @refusals = sql('SELECT method, path, status, user_name, account_id FROM scim.refusal WHERE organization_id = $1 ORDER BY sequence DESC LIMIT 2', $refs->{id});
is_deeply \@refusals, [['DELETE', "/$refs->{key}/v2/Users/$refs->{issuer}", 403, '', $refs->{issuer}], ['POST', "/$refs->{key}/v2/Users", 400, $unlucky, '']],
    'refused operations of a bulk request are kept for the administrators';
done_testing;
