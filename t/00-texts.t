# SPDX-License-Identifier: Apache-2.0
# The settings page in Japanese: every text of the page and every message of the
# server has its translation, and no translation is left over.  Facts that C, SQL,
# the page and the documents each write down are the same.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Details;
use Test::More;

sub content {
    my ($file) = @_;
    open my $in, '<:utf8', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

my $page = join '', map { content($_) } grep { !m{/ja\.js} } glob 'admin/*.js';
my %used = map { $_ => 1 } $page =~ /\bt\('((?:[^'\\]|\\.)*)'/g;
my ($texts, $messages) = content('admin/ja.js') =~ m{(.*)^export const messages(.*)}ms;
my %translated = map { $_ => 1 } $texts =~ /^    '((?:[^'\\]|\\.)*)':\s+'[^']/mg;
is_deeply [grep { !$translated{$_} } sort keys %used], [], 'every text of the page has a translation';
is_deeply [grep { !$used{$_} } sort keys %translated], [], 'every translation is of a text of the page';

# The server's messages reach the page as answers of its API and as refusals in
# Activity.  These do not: errors of files and sign-in, which are pages in both
# languages, and errors that only the log or scimctl shows.
my @elsewhere = ('There is no file with this name.', q('{}' is not an active administrator of '{}'.),
                 'Another organization has this key already.', 'This organization is in the database already.',
                 'A file has at most {} rows.');
my @sources = grep { !m{resources/scim_(?:people|feed|import)\.|storage/scim_conninfo\.} }
    glob '*.[ch] {httpd,resources,rules,storage,values}/*.[ch]';
my $details = Scim::Details->new(@sources);
is_deeply [$details->unknown], [], 'the text of every error is found in the sources';
my %sent = map { $_ => 1 } $details->texts;
cmp_ok scalar keys %sent, '>', 150, 'there are many';
ok delete $sent{$_}, "$_ is one of them" for @elsewhere;
my @messages;
while ($messages =~ /^    (?:'((?:[^'\\]|\\.)*)'|"([^"]*)"):\s+'([^']+)',$/mg) {
    push @messages, { english => $1 // $2, translation => $3 };
}
my @english = map { $_->{english} } @messages;
sub form_of { my ($text) = @_; return $text =~ s/\{\w+\}/{}/gr }
my %known = map { (form_of($_) => 1) } @english;
is_deeply [grep { !$known{ form_of($_) } } sort keys %sent], [], 'every message of the server has a translation';
my %sent_as = map { (form_of($_) => 1) } keys %sent;
is_deeply [grep { !$sent_as{$_} } sort keys %known], [], 'every translated message is one that the server sends';

sub strange_values {
    my ($message) = @_;
    my %has = map { $_ => 1 } $message->{english} =~ /\{(\w+)\}/g;
    return grep { !$has{$_} } $message->{translation} =~ /\{(\w+)\}/g;
}
is_deeply [map { strange_values($_) } @messages], [], 'a translation has no values but those of its message';

# Of the templates that fit, the page takes the first one.
my @patterns = map { join '(.*?)', map { quotemeta } split /\{\w+\}/, $_, -1 } @english;
sub taken_for {
    my ($message) = @_;
    return (map { $english[$_] } grep { $message =~ /^$patterns[$_]$/ } 0 .. $#patterns)[0];
}
is_deeply [grep { taken_for($_) ne $_ } @english], [], 'no message is taken for a more general one';

# Whoever reads a message may be the one who has to act, on this page or elsewhere.
is_deeply [grep { /administrator must/i } @english, keys %used], [], 'no text sends its reader to somebody who may be the reader';

# A number that may be one does not stand before a plural.  These are bounds and
# numbers that are greater.
my $several = qr/(?:bytes|changes|characters|comparisons|elements|levels|members|operations|rows|seconds|ms)\b|(?:has|is|needs)\b/;
my @several = ('ends in {count} days', '{count} times', '{count} times, the last one {time}', '{count} accounts and groups match. Choose one to see it alone:',
               'More than {count} accounts and groups match. These were searched; choose one to see it alone:');
my %is_several = map { $_ => 1 } @several;
ok $used{$_}, "'$_' is a text" for @several;
is_deeply [grep { /\{\w*\} (?!$several)\w+s\b/ && !$is_several{$_} } sort(keys %used, keys %sent)], [], 'one is no plural';
is_deeply [map { my $file = $_; map { "$file: $_" } content($file) =~ s/"\s+"//gr =~ /%(?:d|" APR_INT64_T_FMT ") (?!$several|tokens are|days\.|lines"|records read)\w+s\b/g } glob '{httpd,resources,scimctl}/*.c'],
    [], 'nor in C';

my %bound = content('values/scim_bounds.h') =~ /^#define (SCIM_\w+) (\d+)$/mg;

# C, SQL and the page agree on what each of them has to contain.
my @roles = content('values/scim_role.h') =~ /^#define SCIM_ROLE_[A-Z]+ "([A-Z]+)"/mg;
is scalar @roles, 3, 'values/scim_role.h has three roles';
is_deeply [(content('schema.sql') =~ /new\.role NOT IN \(([^)]*)\)/)[0] =~ /'(\w+)'/g], \@roles, 'schema.sql has the same';
is_deeply [($page =~ /^const roles = (\[\[.*\]\]);/m)[0] =~ /\['(\w+)'/g], \@roles, 'and the settings page';
my %kinds = map { $_ => 1 } map { content($_) =~ /["'](urn:[\w:]+:event:[a-z:]+)["']/g } glob 'resources/*.[ch] storage/*.{h,sql}';
cmp_ok scalar keys %kinds, '>', 10, 'the kinds of events are found';
is_deeply [grep { my ($kind) = /:event:(?:prov:)?(.*)/; index($page, "'$kind': t(") < 0 } sort keys %kinds], [], 'every kind of event has a text on the page';
is +(content('resources/scim_events.h') =~ /^#define SCIM_EVENT_KINDS (\d+)/m)[0], scalar(grep { !/:organization:(?!change)|:forget$/ } keys %kinds), 'and is counted, unless only scimctl writes it';
my ($feed) = content('docs/feed.md') =~ /^\| kind \|(.*?)\n\n/ms;
is_deeply [grep { my ($last) = /.*:event:\w+(:.*)/; $feed !~ /\Q$last\E\b/ } sort keys %kinds], [], 'and a line in docs/feed.md';

# Bounds: values/scim_bounds.h, and where SQL, scimctl and the documents say the same.
my $schema = content('schema.sql');
my %table = $schema =~ /^CREATE TABLE IF NOT EXISTS scim\.(\w+) \((.*?)^\)/msg;
my @lengths = $schema =~ /length\(new\.user_name\) > (\d+) .*?must not be longer than (\d+) characters/s;
is_deeply \@lengths, [($bound{SCIM_COLUMN_MAX}) x 2], 'a userName has the same bound in C and in SQL';

my ($middle) = $table{organization} =~ /\bkey .*\{0,(\d+)\}/s;
my ($longest) = $table{organization} =~ /\blength\(name\) <= (\d+)/;
my @said = content('scimctl/scimctl_org.c')
    =~ /The key must be 1 to (\d+) .*?the name must not be longer than (\d+) characters/s;
is $middle + 2, $bound{SCIM_KEY_MAX}, 'the key of an organization has the same bound in C and in SQL';
is_deeply \@said, [$bound{SCIM_KEY_MAX}, $longest], 'scimctl tells the bounds of an organization';

($longest) = $table{token} =~ /\blength\(name\) <= (\d+)/;
cmp_ok $bound{SCIM_TOKEN_NAME_MAX}, '<=', $longest, 'SQL takes every name of a token that C takes';
cmp_ok $bound{SCIM_DISPLAY_NAME_MAX}, '<=', $bound{SCIM_COLUMN_MAX}, 'every displayName of the page can be stored';

my ($levels) = content('values/scim_json.h') =~ /^#define SCIM_JSON_MAX_DEPTH (\d+)/m;
is_deeply [$schema =~ /\{(\d+) to last\}|must not have more than (\d+) levels/g], [$levels, undef, undef, $levels],
    'JSON has the same levels in C and in SQL';

my ($days) = content('storage/statements.sql') =~ /^-- fragment: refusal_is_old.*?interval '(\d+) days'/ms;
my ($kept) = $schema =~ /'TABLE scim\.refusal', '[^']* of each, the latest (\w+) of an organization, for $days days'/;
is { thousand => 1000 }->{ $kept // '' }, $bound{SCIM_REFUSALS_KEPT}, 'schema.sql tells which refusals are kept';
is $bound{SCIM_WARNINGS_KEPT}, $bound{SCIM_REFUSALS_KEPT}, 'and as many warnings';
for my $file ('docs/scimctl.md', 'docs/settings.md') {
    like content($file), qr/Refused requests\s+and\s+warnings\s+are kept\s+for\s+$days\s+days,\s+the\s+latest\s+$bound{SCIM_REFUSALS_KEPT}\s+of\s+each\./,
        "$file tells which refusals are kept";
}
my ($many) = content('storage/statements.sql') =~ /^-- fragment: many\n(\d+)/m;
like content('docs/settings.md'), qr/how many these are, counted up to $many;/, 'docs/settings.md tells how far members are counted';
done_testing;
