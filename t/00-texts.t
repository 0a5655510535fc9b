# SPDX-License-Identifier: Apache-2.0
# The settings page in Japanese: every text has its translation, and no
# translation is left over.
use strict;
use warnings;
use utf8;
use Test::More;

sub content {
    my ($file) = @_;
    open my $in, '<:utf8', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

my $page = content('admin/admin.js');
my %used = map { $_ => 1 } $page =~ /\bt\((?:answer\.message \?\? )?'((?:[^'\\]|\\.)*)'/g;
my ($texts, $messages) = content('admin/ja.js') =~ m{(.*)// What the server says(.*)}s;
my %translated = map { $_ => 1 } $texts =~ /^    '((?:[^'\\]|\\.)*)': '[^']/mg;
is_deeply [grep { !$translated{$_} } sort keys %used], [], 'every text of the page has a translation';
is_deeply [grep { !$used{$_} } sort keys %translated], [], 'every translation is of a text of the page';

# The words of the server are split over lines in C.
my $sources = join '', map { content($_) } glob '*.c *.h {httpd,resources,rules,scimctl,storage,values}/*.[ch]';
$sources =~ s/"\s*APR_STRINGIFY\(SCIM_TOKEN_NAME_MAX\)\s*"/100/g;
$sources =~ s/"\s*APR_STRINGIFY\(MAX_DISPLAY_NAME\)\s*"/256/g;
$sources =~ s/"\s*"//g;
$sources =~ s/\s+/ /g;
# What is wrong with a name is the end of a sentence.
$sources .= join '', map { qq("The name $_.") } $sources =~ /"(must not [^"]*)"/g;
$sources =~ s/U\+%04X/{code}/g;
is_deeply [grep { index($sources, qq("$_")) < 0 } $messages =~ /^    '((?:[^'\\]|\\.)*)': '[^']/mg], [],
    'every translated message is one that the server sends';

# What C, SQL and the page each have to write down is the same.
my @roles = content('values/scim_role.h') =~ /^#define SCIM_ROLE_[A-Z]+ "([A-Z]+)"/mg;
is scalar @roles, 3, 'values/scim_role.h has three roles';
is_deeply [(content('schema.sql') =~ /new\.role NOT IN \(([^)]*)\)/)[0] =~ /'(\w+)'/g], \@roles, 'schema.sql has the same';
is_deeply [(content('admin/admin.js') =~ /^const roles = (\[\[.*\]\]);/m)[0] =~ /\['(\w+)'/g], \@roles, 'and the settings page';
my %kinds = map { $_ => 1 } map { content($_) =~ /["'](urn:[\w:]+:event:[a-z:]+)["']/g } glob 'resources/*.[ch] storage/*.{h,sql}';
cmp_ok scalar keys %kinds, '>', 10, 'the kinds of events are found';
is_deeply [grep { my ($kind) = /:event:(?:prov:)?(.*)/; index($page, "'$kind': t(") < 0 } sort keys %kinds], [], 'every kind of event has a text on the page';
my ($feed) = content('docs/feed.md') =~ /^\| kind \|(.*?)\n\n/ms;
is_deeply [grep { my ($last) = /.*:event:\w+(:.*)/; $feed !~ /\Q$last\E\b/ } sort keys %kinds], [], 'and a line in docs/feed.md';
my ($most) = content('values/scim_text.h') =~ /^#define SCIM_COLUMN_MAX (\d+)/m;
like content('schema.sql'), qr/length\(new\.user_name\) > $most /, 'a userName has the same limit in C and in SQL';
done_testing;
