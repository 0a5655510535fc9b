# SPDX-License-Identifier: Apache-2.0
# statements.sql and checks.sql: PostgreSQL accepts every statement, in the role scim,
# with as many parameters as C expects, also on the tables of the version before, and
# statements.awk reads them as the head of statements.sql says.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Process;
use Scim::Test;

my $folder = File::Temp->newdir('scim-statements-XXXXXX', TMPDIR => 1);

sub awk {
    my ($to, $file, @awk) = @_;
    @awk = 'awk' unless @awk;
    my @files = $file // qw(storage/statements.sql storage/checks.sql);
    return Scim::Process::run([@awk, '-v', "to=$to", '-f', 'storage/statements.awk', @files]);
}

# The table in C: name => number of parameters
sub table_of { my ($texts) = @_; return { $texts =~ /^    \{ "(\w+)", (\d+), [01], \w+,$/mg } }

open my $texts, '<', 'storage/statement_texts.inc' or die "statement_texts.inc: $!\n";
my $table = table_of(join '', <$texts>);
delete @$table{grep { /_ON_SHARD$/ } keys %$table};
delete $table->{$_} for my @before = grep { /_BEFORE_\d+$/ } keys %$table;
cmp_ok scalar keys %$table, '>', 40, 'the table of the statements is there';

# What PostgreSQL says to the statements, and the parameters of those it takes
sub prepared {
    my ($database, $statements) = @_;
    my $done = Scim::Process::run([server()->psql('-U', 'scim', '-d', $database, '-qAtX', '-f', '-')],
        input => "$statements\nSELECT name, cardinality(parameter_types) FROM pg_prepared_statements\n");
    return ($done->{err}, { $done->{out} =~ /^(\w+)\|(\d+)$/mg });
}
my ($said, $parameters) = prepared('scim', awk('psql')->{out});
is $said, '', 'PostgreSQL prepares all of them for scim';
is_deeply $parameters, $table, 'with as many parameters as the table says';

# The version before
my ($version) = awk('ids')->{out} =~ /^#define SCIM_SCHEMA_KNOWN (\d+)$/m;
my $before = $version - 1;
my %from = map { $_ => $table->{$_} } do { local (@ARGV, $/) = 'storage/statements.sql'; <> =~ /^-- name: (\w+).* from $version$/mg },
    do { local (@ARGV, $/) = 'storage/checks.sql'; <> =~ /^-- name: (\w+).* from $version$/mg };
my %old = map { $_ => $table->{$_} } grep { !exists $from{$_} } keys %$table;
cmp_ok scalar @before, '>', 0, "statements have texts before $version";
for my $schema (glob "t/schema/$before*.sql") {
    my $database = $schema =~ s/\W/_/gr;
    my $owner = $schema =~ /roles/ ? 'scim_owner' : 'scim';
    server()->run(0, server()->psql('-U', 'postgres', '-d', 'postgres', '-qX', map { ('-c', $_) } "DROP DATABASE IF EXISTS $database", "CREATE DATABASE $database OWNER $owner ENCODING 'UTF8' TEMPLATE template0"));
    server()->run(0, server()->psql('-U', $owner, '-d', $database, '-qX', '-v', 'ON_ERROR_STOP=1', '-f', Scim::Server::root() . "/$schema"));
    ($said, $parameters) = prepared($database, awk('before')->{out});
    is $said, '', "on the tables of $schema, PostgreSQL prepares the texts before $version";
    is_deeply $parameters, \%old, 'with the same parameters';
    ($said, $parameters) = prepared($database, join '', grep { /^PREPARE "(\w+)"/ && exists $from{$1} } split /^/, awk('psql')->{out});
    is_deeply $parameters, {}, "and none of the statements that are there from $version on";
    server()->run(0, server()->psql('-U', 'postgres', '-d', 'postgres', '-qX', '-c', "DROP DATABASE $database"));
}
($said, $parameters) = prepared('scim', awk('before')->{out});
is $said, '', "on the tables of version $version, it prepares the texts before it, too";
is_deeply $parameters, \%old, 'all of them';

# Small files
sub made_of {
    my ($sql) = @_;
    Scim::Server::write_file("$folder/x.sql", $sql);
    return awk('texts', "$folder/x.sql");
}

sub text_is { my ($sql, $expected, $name) = @_; my ($text) = made_of("-- name: X\n$sql")->{out} =~ /^      "(.*)",$/m; return is $text, $expected, $name }

is_deeply table_of(made_of(<<'SQL')->{out}), { A => 2, B => 11, C => 0 }, 'a parameter is $n outside of quotes and comments';
-- name: A :repeatable
SELECT $1, '$9 it''s $8', "$7" -- $6
FROM t WHERE $2 - 1 > 0;
-- name: B
SELECT $11 || $2;
-- name: C
SELECT '$1 -- $2';
SQL
text_is("-- why\nSELECT  a,\n       ( b )   -- what\nFROM 'x  (  y --';\n", q{SELECT a, (b) FROM 'x  (  y --'}, 'a text is one line without comments');
text_is("SELECT '\\', \"x\";\n", q{SELECT '\\\\', \"x\"}, 'quoted as C wants it');
text_is("SELECT :f( 'a  b' ), ':f(a)', a::f;\n-- fragment: f(x)\nx( :x::text )\n", q{SELECT x('a  b'::text), ':f(a)', a::f},
    'a fragment is not looked for in quotes and casts');
text_is("SELECT :f(g(a, ','), b, :h);\n-- fragment: f(x, y)\n(:y) + :x\n-- fragment: h\nc\n", q{SELECT (b, c) + g(a, ',')},
    'the last argument has the commas that are left');

# A list of columns, of which two have attributes.
my $list = "-- columns: t\na.id AS id,\na.n AS n, -- name\na.m AS m -- more\n";
text_is("SELECT :t_columns, :t_texts;\n$list-- name: Y\nSELECT :t_values(\$4), :t_settings(\$7), :t_arrays(\$9);\n", q{SELECT a.id AS id, a.n AS n, a.m AS m, n, m},
    'the columns of a list are named once');
like made_of("-- name: X\nUPDATE t SET :t_settings(\$2) WHERE :t_values(\$4), :t_values(r), :t_settings(r), :t_arrays(\$6) :t_texts :t_columns;\n$list")->{out}, qr/SET n = \$2, m = \$3 WHERE \$4, \$5, r\.n, r\.m, n = r\.n, m = r\.m, \$6::text\[\], \$7::text\[\] /,
    'as parameters, settings and arrays they follow, and as columns of a row';
like awk('ids', "$folder/x.sql")->{out}, qr/SCIM_T_ID,\s+SCIM_T_N,\s+SCIM_T_M,\s+SCIM_T_COLUMNS\s.*X\(SCIM_T_N, "name"\)[\s\\]+X\(SCIM_T_M, "more"\)/s,
    'and in C as an enum and its attributes';

sub is_refused { my ($sql, $why, $where) = @_; $where ||= 'X'; my $done = made_of($sql); ok $done->{status} && $done->{out} !~ /SELECT/, "$why is an error"; return like $done->{err}, qr/x\.sql: $where: /, 'which says where' }

# Forms before the version.
sub rows_of { return { made_of("-- version: 3\n$_[0]")->{out} =~ /^    \{ "(\w+)", (\d+, [01], \w+),\n/mg } }

my $both = "-- name: X\nSELECT :f(\$1);\n-- name: Y :repeatable\nSELECT 1;\n-- name: Z from 3\nSELECT :f(\$1);\n-- fragment: f(x)\nnew(:x)\n-- fragment: f(x) before 3\nold(:x)\n";
is_deeply rows_of($both), { X => '1, 0, SCIM_SQL_X_BEFORE_3', Y => '0, 1, SCIM_SQL_Y', Z => '1, 0, SCIM_SQL_Z', X_BEFORE_3 => '1, 0, SCIM_SQL_X_BEFORE_3' },
    'a statement has a text before where a fragment has another form';
like made_of("-- version: 3\n$both")->{out}, qr/"SELECT new\(\$1\)".*"SELECT old\(\$1\)"/s, 'each with its form';
is awk('before', "$folder/x.sql")->{out}, qq{PREPARE "X" AS SELECT old(\$1);\nPREPARE "Y" AS SELECT 1;\n}, 'for psql, there are those that the tables before can serve';
is_deeply rows_of("-- name: X\nSELECT \$1;\n-- name: X before 3\nSELECT \$1::uuid;\n"), { X => '1, 0, SCIM_SQL_X_BEFORE_3', X_BEFORE_3 => '1, 0, SCIM_SQL_X_BEFORE_3' },
    'so has one with a form of its own';

is_refused("-- version: 3\n-- name: X\nSELECT \$1;\n-- name: X before 3\nSELECT \$2;\n", 'a form before with other parameters');
is_refused("-- version: 3\n-- name: X\nSELECT 1;\n-- name: X before 2\nSELECT 2;\n", 'a form before another version');
is_refused("-- version: 3\n-- name: Y\nSELECT 1;\n-- name: X before 3\nSELECT 2;\n", 'a form before that is not behind the one it replaces');
is_refused("-- version: 3\n-- name: X from 3\nSELECT 1;\n-- name: X before 3\nSELECT 2;\n", 'a form before of what is there from that version on');
is_refused("-- version: 3\n-- fragment: x(a)\n:a\n-- fragment: x(b) before 3\n:b\n-- name: X\nSELECT :x(1);\n", 'a fragment before with other names', 'x');
is_refused("-- version: 3\n-- name: X from 2\nSELECT 1;\n", 'a statement from another version on');
is_refused("-- name: X\nSELECT :f;\n", 'a fragment that there is not');
is_refused("-- name: X\nSELECT :f(a);\n-- fragment: f(x, y)\n:x :y\n", 'an argument that is missing');
is_refused("-- name: X\nSELECT :f;\n-- fragment: f(x)\n:x\n", 'a fragment without its arguments');
is_refused("-- name: X\nSELECT 1\n", 'a statement without an end');
is_refused("-- name: X\nSELECT 1; SELECT 2;\n", 'two statements in one');
is_refused("-- name: X\nSELECT 'a\nb';\n", 'a quoted text of two lines');
is_refused("-- name: X\nSELECT 1;\n-- name: X\nSELECT 2;\n", 'a name that is used twice');
is_refused("-- name: X\nSELECT 1;\n-- name: y :repeatable\n", 'a name that C cannot have');

# Every awk of this machine gives the same result.
for my $awk (['mawk'], ['gawk', '--posix'], ['original-awk'], ['busybox', 'awk']) {
    SKIP: {
        skip "there is no $awk->[0] here", 1 unless grep { -x "$_/$awk->[0]" } split /:/, $ENV{PATH};
        is awk('texts', undef, @$awk)->{out}, awk('texts')->{out}, "@$awk makes of it what awk makes";
    }
}
done_testing;
