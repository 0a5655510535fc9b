# SPDX-License-Identifier: Apache-2.0
# scimctl's command line: help, wrong usage, tables on a terminal, and questions.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use JSON::PP ();
use Scim::Process;
use Scim::Test;

my ($program, @db) = server()->scimctl;
my $org = organization();
my $key = $org->{key};

# (exit status, stdout, stderr), without a database
sub scimctl {
    my $done = Scim::Process::run([$program, map { encode_utf8($_) } @_]);
    return ($done->{status}, map { decode_utf8($_) } @$done{qw(out err)});
}
# What a terminal of 80 columns shows, with what was typed.
my $columns = 80;
sub on_terminal {
    my ($typed, @arguments) = @_;
    my $line = join ' ', map { "'$_'" } $program, @db, @arguments;
    my $done = Scim::Process::run(['script', '-qec', "stty cols $columns; $line", '/dev/null'], input => $typed);
    return decode_utf8($done->{out}) =~ s/\r//gr;
}
my @commands = @{ JSON::PP->new->decode(encode_utf8((scimctl('--json', 'help'))[1])) };
my %command = map { ($_->{command} => $_) } @commands;

# Help
my ($status, $out, $err) = scimctl('--help');
is $status, 0, '--help succeeds';
is_deeply [grep { $out !~ /^  \Q$_->{command}\E +\Q$_->{purpose}\E/m } map { +{ %$_, purpose => substr $_->{purpose}, 0, 30 } } @commands],
    [], '--help has every command with its purpose';
for my $form (['-h'], ['help'], ['--db', 'x', '-h']) {
    is +(scimctl(@$form))[1], $out, "so has @$form";
}
($status, my $of_token) = scimctl('token', '--help');
like $of_token, qr/^  scimctl token generate KEY .*^  scimctl token list KEY$/ms, 'help on a group has its commands';
unlike $of_token, qr/account/, 'and no others';
is +(scimctl('help', 'token'))[1], $of_token, 'help GROUP is the same';
for my $command (grep { $_->{command} ne 'help' } @commands) {
    my @words = split / /, $command->{command};
    ($status, my $help) = scimctl(@words, '-h');
    is $status, 0, "$command->{command} -h";
    my ($usage) = $help =~ /^Usage: (.*?)\n\n/s;
    is $usage =~ s/\n +/ /gr, $command->{synopsis}, 'has the synopsis';
    is_deeply [grep { $help !~ /^  (?:-\w, )?--\Q$_->{name}\E\b/m } @{ $command->{options} }, @{ $command->{commonOptions} }], [], 'every option';
    is_deeply [grep { $help !~ /^  \Q$_->{name}\E\s/m || !$_->{meaning} } @{ $command->{arguments} }], [], 'and every argument';
    is +(scimctl('help', @words))[1], $help, "help $command->{command} is the same";
    my @long = grep { length > 79 } split /\n/, $help;
    is_deeply \@long, [], 'in lines that fit';
    like $help, qr/^Example:\n  scimctl \Q$command->{command}\E/m, 'with an example';
}
($status, $out) = scimctl($_), is $status, 0, $_ for '--version', '-V';
like $out, qr/^scimctl \d+\.\d+\.\d+ \(schema version \d+\)\n\z/, 'with the version of the tables';
is_deeply [sort keys %{ JSON::PP::decode_json((scimctl('-V', '--json'))[1]) }], ['schemaVersion', 'version'], 'in JSON, too';

# One option has one form in all commands, since it may stand before the command.
my (%form, @mixed, @letters);
for my $option (map { @{ $_->{options} }, @{ $_->{commonOptions} } } @commands) {
    my $form = ($option->{letter} // '') . ($option->{argument} ? '=' : '');
    push @mixed, $option->{name} if $form ne ($form{ $option->{name} } //= $form);
    push @letters, $option->{letter} . $option->{name} if $option->{letter};
}
is_deeply \@mixed, [], 'an option has one form in all commands';
my %of_letter = map { (substr($_, 0, 1) => $_) } @letters;
is_deeply [grep { $of_letter{ substr $_, 0, 1 } ne $_ } @letters], [], 'a letter has one meaning in all commands';

# Wrong usage: one line that says what is wrong, and one that says what helps.
for my $case ([[], 'A command is missing.', ''],
              [['tokn', 'list'], "There is no command 'tokn'; did you mean token?", ''],
              [['frobnicate'], "There is no command 'frobnicate'.", ''],
              [['org'], "A word is missing after 'org'.", 'org '],
              [['org', 'shwo', 'x'], "There is no command 'org shwo'; did you mean show?", 'org '],
              [['help', 'token', 'frobnicate'], "There is no command 'token frobnicate'.", 'token '],
              [['org', 'add'], 'org add needs KEY.', 'org add '],
              [['account', 'show', 'x'], 'account show needs USERNAME|ID.', 'account show '],
              [['org', 'list', 'extra'], "org list does not take 'extra'.", 'org list '],
              [['events', 'a', 'b'], "events does not take 'b'.", 'events '],
              [['-', 'org', 'list'], "There is no command '-'.", ''],
              [['--nonsense', 'org', 'list'], 'There is no option --nonsense.', 'org list '],
              [['token', 'generate', 'k', '--nmae', 'x'], 'There is no option --nmae; did you mean --name?', 'token generate '],
              [['--a:', 'org', 'list'], 'There is no option --a:.', 'org list '],
              [['--a: missing argument=x', 'org', 'list'], 'There is no option --a: missing argument.', 'org list '],
              [['-x', 'org', 'list'], 'There is no option -x.', 'org list '],
              [['org', 'list', '--db'], '--db needs a value.', 'org list '],
              [['--json=yes', 'org', 'list'], '--json takes no value.', 'org list '],
              [['token', 'list', 'k', '--name', 'x'], 'token list has no option --name.', 'token list '],
              [['relay', 'list', '--url', 'x'], 'relay list has no option --url.', 'relay list '],
              [['token', 'generate', 'k', '--name', 'x'], 'token generate needs --issuer USERNAME.', 'token generate '],
              [['org', 'url', 'k'], 'org url needs --base URL.', 'org url '],
              [['relay', '--url', 'x'], 'relay needs --secret-file FILE.', 'relay '],
              [['token', 'generate', 'k', '--issuer', 'i', '--name', 'n', '--days', 1, '--expires', 'x'], '--days and --expires exclude each other.', 'token generate '],
              [['org', "\x1b[31m" . 'x' x 5000], qr/^There is no command 'org \?\[31mx{50,60}'\.$/, 'org ']) {
    my ($words, $message, $topic) = @$case;
    my $name = substr "@$words", 0, 40;
    ($status, $out, $err) = scimctl(@$words);
    is $status, 2, "exit status 2: $name";
    my ($first, @rest) = split /\n/, $err;
    $first =~ s/^scimctl: //;
    ref $message ? like $first, $message, $name : is $first, $message, $name;
    is_deeply \@rest, ["Try \"scimctl $topic--help\"."], 'and what helps';
    is $out, '', 'nothing on standard output';
}
($status, $out, $err) = scimctl('--json', 'org', 'add');
is_deeply [$status, JSON::PP::decode_json($err)], [2, { error => { status => 400, detail => 'org add needs KEY.', advice => 'Try "scimctl org add --help".' } }],
    'with --json wrong usage is an object';
($status, $out, $err) = scimctl(@db, 'org', 'show', 'nobody', '--json');
is_deeply [$status, JSON::PP::decode_json($err)], [1, { error => { status => 404, detail => "There is no organization 'nobody'; scimctl org list shows all organizations." } }],
    'so is an error';
($status, $out, $err) = scimctl('--json', '--db', 'host=/nonexistent', 'org', 'list');
is JSON::PP::decode_json($err)->{error}{status}, 503, 'so is a database that is away';
like JSON::PP::decode_json($err)->{error}{cause}, qr/nonexistent/, 'with the cause';
($status, $out, $err) = scimctl('--db', "$db[1] user=nobody_here", 'org', 'list');
my @said = split /\n/, $err;
is $said[0], 'scimctl: There is no connection to the database.', 'a refused login is no connection';
like $said[1], qr/^scimctl: connection to server .* failed: FATAL: .*"nobody_here".*\.$/, 'PostgreSQL says why';
like $said[2], qr/^scimctl: operators connect as scim_owner /, 'scimctl says as whom';

# Options may stand anywhere.
for my $words (['account', 'list', $key, '--count', 1], ['--count', 1, 'account', 'list', $key], ['account', '--count=1', 'list', @db, $key]) {
    ($status, $out) = scimctl(@db, @$words);
    is $out =~ tr/\n//, 3, 'an option works ' . join ' ', map { $_ eq $key ? 'KEY' : /^host/ ? 'DB' : $_ } @$words;
}

# Tables
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT id, 'kanji@example.com', repeat('山田', 40)
      FROM scim.organization WHERE key = $1}, $key);
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT id, 'aaa@example.com', 'Aaa'
      FROM scim.organization WHERE key = $1}, $key);
($status, $out) = scimctl(@db, 'account', 'list', $key);
like $out, qr/@{['山田' x 40]}/, 'elsewhere than on a terminal nothing is shortened';
my @names = $out =~ /^(\S+@\S+)/mg;
is_deeply \@names, [sort @names], 'accounts are listed by userName';
($status, $out) = scimctl(@db, 'relay', 'list');
my ($head) = (scimctl(@db, 'token', 'list', $key))[1] =~ /^(.*)\n/;
is scalar(my @heads = split / {2,}/, $head), 10, 'the heads are apart';
my @cells = split / {2,}/, (split /\n/, (scimctl(@db, 'token', 'list', $key))[1])[1];
is_deeply [scalar @cells, $cells[5]], [10, '-'], 'an empty cell is "-"';
like $cells[4], qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'and a time is whole';
{
    local $ENV{LC_ALL} = 'C.UTF-8';
    my $seen = on_terminal('', 'account', 'list', $key);
    my ($row) = $seen =~ /^(kanji.*)$/m;
    like $row, qr/^kanji\@example\.com +(?:山田)+山?… /, 'on a terminal a long cell is shortened';
    my $cells = length($row) + (() = $row =~ /[山田]/g);
    cmp_ok $cells, '<=', 80, 'so that the line fits: kanji have two cells';
    cmp_ok $cells, '>', 76, 'and fills it';
    like $seen, qr/^USERNAME +DISPLAYNAME +ROLE +ACTIVE +ID/m, 'no head is';
    $columns = 150;
    like on_terminal('', 'token', 'list', $key), qr/  \d{4}-\d\d-\d\d \d\d:\d\d  /, 'a time is shown to the minute';
    $columns = 80;
    like on_terminal('', 'token', 'list', $key), qr/  \d{4}-\d\d-\d\d  /, 'or, where that does not fit, as a day; it is never cut';
    $columns = 30;
    like on_terminal('', 'account', 'list', $key), qr/^USERNAME  DISPLAYNAME  ROLE   ACTIVE  ID$/m, 'nor on a terminal that is too narrow';
    local $ENV{COLUMNS} = 200;
    like on_terminal('', 'account', 'list', $key), qr/^kanji\@example\.com +(?:山田){20}/m, 'COLUMNS comes before the width of the terminal';
}

# Of what is followed
my $follower = Scim::Process->start([$program, @db, 'activity', 'list', $key, '--follow'], out => 'pipe');
like $follower->line, qr/^TIME +ACTOR +ABOUT +WHAT +DETAIL$/, 'activity list --follow has heads';
scimctl(@db, 'org', 'disable', $key);
like $follower->line, qr/^\S+Z  scimctl \(\w+\)  -  +provisioning:disable  -$/, 'and keeps the columns apart';
$follower->stop;

# Questions before something is destroyed
sub group { return (sql(q{INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, $2) RETURNING id}, $org->{id}, $_[0]))[0][0] }
my $group = group('Doomed');
sub groups { return (sql('SELECT count(*) FROM scim.user_group WHERE organization_id = $1', $org->{id}))[0][0] }
($status, $out, $err) = scimctl(@db, 'group', 'delete', $key, $group);
is_deeply [$status, $err, groups()], [1, "scimctl: Nothing was done: there is no terminal to ask on, and --yes was not given.\n", 1],
    'without a terminal nothing is destroyed';
for my $answer ('n', '', 'yesterday') {
    like on_terminal("$answer\n", 'group', 'delete', $key, $group), qr/Delete the group 'Doomed'\? \[y\/N\] .*Nothing was done\.$/ms, "on a terminal it is asked: '$answer'";
    is groups(), 1, 'which is no';
}
like on_terminal("y\n", 'group', 'delete', $key, $group), qr/Deleted: Doomed/, 'y is yes';
is groups(), 0, 'and it is done';
$group = group('Doomed, too');
is_deeply JSON::PP::decode_json((scimctl(@db, '--json', '-y', 'group', 'delete', $key, $group))[1]), { id => $group, deleted => 'Doomed, too' },
    '--yes does not ask';
done_testing;
