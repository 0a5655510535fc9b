# SPDX-License-Identifier: Apache-2.0
# statements.sql: PostgreSQL accepts every statement, in the role scim, with as many
# parameters as C expects, and statements.awk reads it as the head of the file says.
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
    return Scim::Process::run([@awk, '-v', "to=$to", '-f', 'storage/statements.awk', $file // 'storage/statements.sql']);
}

# The table in C: name => number of parameters
sub table_of { my ($texts) = @_; return { $texts =~ /^    \{ "(\w+)", (\d+), [01],$/mg } }

open my $texts, '<', 'storage/statement_texts.inc' or die "statement_texts.inc: $!\n";
my $table = table_of(join '', <$texts>);
cmp_ok scalar keys %$table, '>', 40, 'the table of the statements is there';

my $prepared = Scim::Process::run([server()->psql('-U', 'scim', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-f', '-')],
    input => awk('psql')->{out} . "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements\n");
is $prepared->{err}, '', 'PostgreSQL prepares all of them for scim';
is_deeply { $prepared->{out} =~ /^(\w+)\|(\d+)$/mg }, $table, 'with as many parameters as the table says';

# Small files
sub made_of {
    my ($sql) = @_;
    Scim::Server::write_file("$folder/x.sql", $sql);
    return awk('texts', "$folder/x.sql");
}

sub text_is { my ($sql, $expected, $name) = @_; my ($text) = made_of("-- name: X\n$sql")->{out} =~ /^      "(.*)" \},$/m; return is $text, $expected, $name }

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
text_is("SELECT :t_columns, :t_texts;\n$list-- name: Y\nSELECT :t_values(\$4), :t_settings(\$7);\n", q{SELECT a.id AS id, a.n AS n, a.m AS m, n, m},
    'the columns of a list are named once');
like made_of("-- name: X\nUPDATE t SET :t_settings(\$2) WHERE :t_values(\$4) :t_texts :t_columns;\n$list")->{out}, qr/SET n = \$2, m = \$3 WHERE \$4, \$5/,
    'as parameters and as settings they follow';
like awk('ids', "$folder/x.sql")->{out}, qr/SCIM_T_ID,\s+SCIM_T_N,\s+SCIM_T_M,\s+SCIM_T_COLUMNS\s.*X\(SCIM_T_N, "name"\)[\s\\]+X\(SCIM_T_M, "more"\)/s,
    'and in C as an enum and its attributes';

sub is_refused { my ($sql, $why) = @_; my $done = made_of($sql); ok $done->{status} && $done->{out} !~ /SELECT/, "$why is an error"; return like $done->{err}, qr/x\.sql: X: /, 'which says where' }

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
