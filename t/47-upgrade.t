# SPDX-License-Identifier: Apache-2.0
# schema.sql applied to a database of an earlier version: keys are rebuilt, and
# clashes are listed before anything is changed.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

my $server = server();
my $NAME = 'upgrade_' . random_name();

# psql on the old database: (exit status, output)
sub psql {
    my (@arguments) = @_;
    my $done = Scim::Process::run([$server->psql('-d', $NAME, '-v', 'ON_ERROR_STOP=1', '-qAtX', @arguments)]);
    return ($done->{status}, Encode::decode_utf8($done->{out} . $done->{err}));
}
sub as_postgres { return $server->run(0, $server->psql('-U', 'postgres', '-d', 'postgres', '-c', @_)) }
sub value { my ($status, $said) = psql('-c', $_[0]); chomp $said; return $said }
sub apply { return psql('-f', 'schema.sql') }

as_postgres("CREATE DATABASE $NAME OWNER scim ENCODING 'UTF8' TEMPLATE template0");
is +(psql('-U', 'scim', '-f', 't/schema/4.sql'))[0], 0, 'a database of version 4';
my $ACCOUNTS = 100_000;
Scim::Server::write_file("$server->{dir}/old.sql", Encode::encode_utf8(<<"SQL"));
INSERT INTO scim.organization (id, key, name) VALUES ('00000000-0000-0000-0000-000000000001', 'acme', 'Acme'), ('00000000-0000-0000-0000-000000000002', 'other', 'Other');
INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
SELECT '00000000-0000-0000-0000-000000000001',
       (ARRAY['user', 'ΠΑΠΠΑΣ', 'ΟΔΟΣ', 'Groß', 'İbrahim', '山田', 'Müller', 'IŞIL'])[1 + i % 8] || '.' || i || '\@example.com',
       (ARRAY['User', 'Κώστας Παππάς', 'ΟΔΟΣ', 'Karl Groß', 'İbrahim Yılmaz', '山田　太郎', 'Ute Müller', 'IŞIL'])[1 + i % 8],
       jsonb_build_object('nickName', (ARRAY['u', 'ΣΟΦΟΣ', 'ΟΔΟΣ', 'Groß', 'İb', '太郎', 'Ü', 'I'])[1 + i % 8],
                          'emails', jsonb_build_array(jsonb_build_object('type', 'work', 'value', 'ΟΔΟΣ' || i || '\@example.com')))
FROM generate_series(1, $ACCOUNTS) i;
INSERT INTO scim.account (id, organization_id, user_name) VALUES
    ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', 'Groß\@example.com'),
    ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000002', 'GROSS\@example.com'),
    ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-000000000002', 'οδος\@example.com'),
    ('00000000-0000-0000-0000-00000000000d', '00000000-0000-0000-0000-000000000002', 'οδοσ\@example.com'),
    ('00000000-0000-0000-0000-00000000000e', '00000000-0000-0000-0000-000000000002', E'old\\u00a0name\@example.com'),
    ('00000000-0000-0000-0000-00000000000f', '00000000-0000-0000-0000-000000000001', 'Groß\@example.com');
INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version) VALUES
    ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000f', 'x', 'operator', 'x', 1),
    ('00000000-0000-0000-0000-000000000001', NULL, 'x', 'operator', 'x', NULL);
SQL
is +(psql('-U', 'scim', '-f', "$server->{dir}/old.sql"))[0], 0, "with $ACCOUNTS accounts, Greek, Turkish, Japanese and German ones among them";
is +(psql('-U', 'postgres', '-f', 'roles.sql'))[0], 0, 'its owner becomes scim_owner';

# Clashes come first
my $sums = q{SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM scim.account a};
my ($before, $fold) = (value($sums), value(q{SELECT md5(pg_get_functiondef('scim.fold(text)'::regprocedure))}));
my ($status, $said) = apply();
isnt $status, 0, 'schema.sql stops while there are clashes';
like $said, qr/WARNING:\s+Organization "other".*Groß\@example.com \(\S+a\), GROSS\@example.com \(\S+b\)/, 'it lists the accounts with their ids';
like $said, qr/WARNING:\s+Organization "other".*οδος\@example.com \(\S+c\), οδοσ\@example.com \(\S+d\)/, 'all of them';
unlike $said, qr/"acme"/, 'and no others';
like $said, qr/ERROR:\s+Nothing was changed: 2 userName.*HINT:\s+Rename or delete/s, 'it says what to do';
is value($sums), $before, 'no account is changed';
is value(q{SELECT md5(pg_get_functiondef('scim.fold(text)'::regprocedure))}), $fold, 'and nothing else';
is value('SELECT max(version) FROM scim.schema_version'), 4, 'the version is the old one';

# Resolved
is +(psql('-c', "UPDATE scim.account SET user_name = 'x-' || user_name WHERE right(id::text, 1) IN ('b', 'd') AND organization_id::text LIKE '%2'"))[0], 0, 'the operator renames two';
my $file = q{SELECT pg_relation_filenode('scim.event')};
my $old_file = value($file);
my $versions = q{SELECT md5(string_agg(concat_ws(' ', id, user_name, version, updated_at, attributes), ',' ORDER BY id)) FROM scim.account};
$before = value($versions);
($status, $said) = apply();
is $status, 0, 'then it upgrades' or diag $said;
like $said, qr/NOTICE:\s+1 account\(s\) have names/, 'and tells of names that could not be given today';
is value('SELECT max(version) FROM scim.schema_version'), 6, 'to the new version';
is value('SELECT count(*) FROM scim.account WHERE user_name_key <> scim.user_name_key(user_name)'), 0, 'every key is the new one';
is value($file), $old_file, 'no event is written anew';
is value(q{SELECT string_agg(concat_ws(' ', scim.resource_type(resource_type, account_id), right(coalesce(resource_id, account_id)::text, 1)), ', ' ORDER BY sequence) FROM scim.event}), 'User f, ',
    'and those that have an account are of a User';
is value($versions), $before, 'versions, times and documents are as they were';
is value(q{SELECT count(*) FROM scim.account WHERE user_name_key = scim.user_name_key('παππας.1@EXAMPLE.com')}), 1, 'a name with a final sigma is found';
is value(q{SELECT count(*) FROM scim.account WHERE user_name_key = scim.user_name_key('GROSS.3@example.com')}), 1, 'and one with a sharp s';

# Indexes answer as the table does
for my $query (q{scim.fold(display_name) COLLATE "C" = scim.fold('κώστας παππάσ')}, q{scim.fold_json(attributes) @> scim.fold_json('{"nickName":"σοφος"}')},
               q{scim.fold_json(attributes) @> scim.fold_json('{"emails":[{"value":"οδος17@example.com"}]}')}) {
    my $where = "FROM scim.account WHERE organization_id = '00000000-0000-0000-0000-000000000001' AND $query";
    my $by_index = value("SET enable_seqscan = off; SELECT count(*) $where");
    is $by_index, value("SET enable_indexscan = off; SET enable_bitmapscan = off; SELECT count(*) $where"), "an index has what the table has: $query";
    cmp_ok $by_index, '>', 0, 'which is something';
}

# Applied again, and against the new database
$before = value($sums);
($status, $said) = apply();
is $status, 0, 'applied again it does nothing' or diag $said;
is value($sums), $before, 'to any account';
as_postgres("DROP DATABASE $NAME WITH (FORCE)");

# Several at the same time: each finds a complete schema
as_postgres("CREATE DATABASE $NAME OWNER scim_owner ENCODING 'UTF8' TEMPLATE template0");
my @appliers = map { Scim::Process->start([$server->psql('-d', $NAME, '-v', 'ON_ERROR_STOP=1', '-qAtX', '-f', 'schema.sql')], err => '/dev/null') } 1 .. 3;
is_deeply [map { $_->wait } @appliers], [0, 0, 0], 'three who apply it to an empty database at the same time all succeed';
is value('SELECT max(version) FROM scim.schema_version'), 6, 'and it is whole';
as_postgres("DROP DATABASE $NAME WITH (FORCE)");
done_testing;
