# SPDX-License-Identifier: Apache-2.0
# Documentation: everything that a comment, a test or a document cites exists.
use strict;
use warnings;
use File::Basename qw(dirname);
use Test::More;

my @C = glob('*.c *.h {httpd,resources,rules,scimctl,storage,values,t/unit,t/fuzz,bench}/*.[ch]');
my @TEXTS = (@C, glob('README *.md *.sql docs/*.md t/*.t t/lib/Scim/*.pm t/*.tsv t/corpus/* t/browser/*.mjs'
    . ' script/* admin/*.js bench/run conf/* examples/* examples/*/*'));

my %content;
sub content {
    my ($file) = @_;
    return $content{$file} //= do {
        open my $in, '<:utf8', $file or die "$file: $!";
        local $/;
        <$in> // '';
    };
}
@TEXTS = grep { -f && $_ ne 't/00-docs.t' } @TEXTS;

# Documents: a name with .md is a file, relative to the root, to the citing file,
# or in docs/.
my @missing;
for my $file (@TEXTS) {
    for my $name (content($file) =~ m{(?<![\w./\$-])((?:[\w-]+/|\.\./)*[\w-]+\.md)\b}g) {
        push @missing, "$file: $name" unless grep { -e } $name, dirname($file) . "/$name", "docs/$name";
    }
}
is_deeply \@missing, [], 'every document that is cited is in the repository'
    or diag join "\n", @missing;

# docs/README.md is their index.
is_deeply [grep { my ($name) = m{([^/]+)$}; content('docs/README.md') !~ /\[$name\]\($name\)/ } grep { $_ ne 'docs/README.md' } glob 'docs/*.md'],
    [], 'docs/README.md lists every document';

# Ids: in the first column of a table, one or more.
my %home;
sub rows_of {
    my ($file) = @_;
    return map { [split /, /, $_] } content($file) =~ /^\| ([A-Z][\w -]*(?:, [A-Z]\w*)*) \|/mg;
}
for my $file ('docs/clients.md', 'docs/design.md') {
    for my $id (grep { /\d/ } map { @$_ } rows_of($file)) {
        $home{$id}{$file}++;
    }
}
$home{$_}{'t/checklist.tsv'}++ for content('t/checklist.tsv') =~ /^([A-Z]+-\d+)\t/mg;
my @twice = grep { keys %{ $home{$_} } > 1 || grep { $_ > 1 } values %{ $home{$_} } } sort keys %home;
is_deeply \@twice, [], 'every id has one meaning';
cmp_ok scalar keys %home, '>', 900, 'the ids are found';

# Each text in the form of an id (a client's habit, an item of the checklist, a
# ruling or a trap) is one.
my $HABIT = qr/(?:EX|OT|[EVGOLNH])\d{1,2}[a-d]?/;
my @unknown;
for my $file (@TEXTS) {
    my $text = content($file);
    my @ids = grep { !/^UTF-/ } $text =~ /(?<![\w-])([A-Z]{2,5}-\d\d)\b/g;
    push @ids, map { "Trap $_" } $text =~ /design\.md, trap (\d+)/g;
    # Except within data, such as a URL, an escape or an option.
    while ($file !~ /\.(?:tsv|js|sql)$/ && $text =~ /(?<![\w%\\+&#.\/"'-])($HABIT)(?:(?:-| to )($HABIT))?(?![\w%(])/g) {
        push @ids, grep { defined } $1, $2;
    }
    push @ids, $text =~ /["'](?:[A-Z]+-\d+, )?($HABIT)(?:, $HABIT)*:? /g if $file =~ /\.(?:t|pm|c)$/;
    push @unknown, map { "$file: $_" } grep { !$home{$_} } @ids;
}
is_deeply \@unknown, [], 'every id that is cited is explained'
    or diag join "\n", @unknown;

# Each source begins with its purpose.
my @silent;
for my $file (@C) {
    my ($head) = content($file) =~ m{\A((?:\s|/\*.*?\*/)*)}s;
    $head =~ s{/\*\s*SPDX.*?\*/}{}gs;
    push @silent, $file unless $head =~ /\w(?:[^.]|\.\w){20,}[.:]/;
}
is_deeply \@silent, [], 'every source begins with what it is for' or diag join "\n", @silent;

# The table of docs/design.md has all of them.
my %base = map { m{([^/]+)\.[ch]$} ? ($1 => 1) : () } grep { !m{^(?:t|bench|scimctl)/} } @C;
my $design = content('docs/design.md');
is_deeply [grep { $design !~ /\b$_\b/ } sort keys %base], [], 'docs/design.md says what each source is for';

# README has every directive of the module that configtest knows.
my @directives = map { content($_) =~ /(?:X\(\w+, |AP_INIT_\w+\()"(SCIM\w+)"/g } glob 'httpd/scim_config.[ch]';
my ($chapter) = content('README') =~ /^Directives\n-+\n(.*?)\n\n\n/ms;
cmp_ok scalar @directives, '>', 15, 'the directives are found';
is_deeply [grep { $chapter !~ /^    $_\b/m } @directives], [], 'README has every directive';
my @explained = content('conf/scim.conf') =~ /^#(SCIM\w+)/mg;
is_deeply [sort @explained], [sort @directives], 'and so has scim.conf, each once';

# So does docs/directives.md, in the manual's form.
my %section = content('docs/directives.md') =~ /^## (SCIM\w+)\n(.*?)(?=^## |\z)/msg;
is_deeply [sort keys %section], [sort @directives], 'docs/directives.md has every directive, and no other';
is_deeply [content('docs/directives.md') =~ /^## (SCIM\w+)/mg], [sort keys %section], '... in the order of their names';
my $form = qr/^\| Description \|.*\n\| Syntax \| \x60(SCIM\w+) .*\n\| Default \|.*\n(?:\| Range .*\n)?\| Context \| server config/m;
is_deeply [map { $section{$_} =~ $form } sort keys %section], [sort keys %section], '... with syntax, default and context';
is_deeply [grep { !$section{$_} } content('docs/directives.md') =~ /\[(SCIM\w+)\]\(#/g], [], '... and links that lead somewhere';
my $config = content('httpd/scim_config.h') =~ s/\\\n\s*//gr;
my %value = map { /#define (\w+) (\d+)/ ? ($1 => $2) : () } map { split /\n/, content($_) } glob '{rules,storage,httpd,values,resources}/*.h';
for my $number ($config =~ /X\(\w+, ("SCIM\w+", \d+, \d+, \w+),/g) {
    my ($name, $least, $most, $usual) = $number =~ /"(\w+)", (\d+), (\d+), (\w+)/;
    like $section{$name}, qr/^\| Range \| $least to $most \|$/m, "$name: its range";
    my $default = $usual eq 'SCIM_UNSET' ? 'ten times SCIMRateLimit' : "$name " . ($value{$usual} // $usual);
    like $section{$name} =~ tr/\x60//dr, qr/^\| Default \| \Q$default\E \|$/m, '... and its default';
}
for my $entry (content('httpd/scim_config.c') =~ /AP_INIT_\w+\(("SCIM\w+".*?(?:ANYWHERE|RSRC_CONF))/sg) {
    my ($name, $where) = $entry =~ /"(\w+)".*\b(\w+)$/s;
    my $in_sections = $where eq 'ANYWHERE' ? ', section' : '';
    like $section{$name}, qr/^\| Context \| server config, virtual host$in_sections \|$|^\| Context \| server config \|$/m, "$name: its context";
}

# Each message of the log is in docs/messages.md, with its levels.
my (%in_code, %in_doc);
for my $file (@C) {
    for my $call (content($file) =~ /\bap_log_r?error\(APLOG_MARK,(.*?SCIM_LOGNO\(\d+\))/sg) {
        my ($number) = $call =~ /SCIM_LOGNO\((\d+)\)/;
        $in_code{$number} = join ' ', sort map { lc } $call =~ /\bAPLOG_([A-Z]+\d?)\b/g;
    }
}
for my $row (content('docs/messages.md') =~ /^\| (SCIM\d{4} \|.*)/mg) {
    my ($number, $levels, @texts) = map { s/^\s+|\s+$//gr } split /\|/, $row;
    my %name = (warn => 'warning', error => 'err');
    fail "docs/messages.md has $number twice" if $in_doc{ substr $number, 4 };
    $in_doc{ substr $number, 4 } = join ' ', sort map { $name{$_} // $_ } split /, /, $levels;
    is scalar(grep { length } @texts), 3, "$number has a text, a cause and what to do";
}
cmp_ok scalar keys %in_code, '>=', scalar(() = map { content($_) =~ /SCIM_LOGNO\(\d/g } @C), 'every call is understood';
is_deeply \%in_doc, \%in_code, 'docs/messages.md has every message with its levels, and no other'
    or diag explain [\%in_doc, \%in_code];
my @none = grep { !$in_doc{$_} } map { content($_) =~ /\bSCIM(\d{4})\b/g } @TEXTS;
is_deeply \@none, [], 'every number that is cited is there';
done_testing;
