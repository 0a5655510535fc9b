# SPDX-License-Identifier: Apache-2.0
# The project around the code: its license, its news, and commits that say why.
use strict;
use warnings;
use lib 't/lib';
use Digest::SHA ();
use Encode ();
use Scim::Process;
use Test::More;

# The last commit before the rules of commits.
my $BASE = '25d8795388ae6be24cbb7d111c51ad16d2b1117b';

sub content {
    my ($file) = @_;
    open my $in, '<:utf8', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

sub git {
    my $done = Scim::Process::run(['git', @_]);
    return $done->{status} == 0 ? $done->{out} : undef;
}

is +Digest::SHA->new(256)->addfile('LICENSE')->hexdigest,
    'cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30',
    'LICENSE is the Apache License, Version 2.0, to the letter';

# Sources: without configuration, which becomes the administrator's own, data, and
# schemas of earlier versions, which must not change.
my %COMMENT = ((map { $_ => '/\\* % \\*/' } qw(c h css)), (map { $_ => '# %' } qw(t pm mk am)), (map { $_ => '// %' } qw(js mjs)),
               sql => '-- %', html => '<!-- % -->', ac => 'dnl %', '#!' => '# %');
SKIP: {
    my $tracked = -e '.git' ? git('ls-files') : undef;
    skip 'not a working copy of git', 2 unless defined $tracked;
    my ($found, @bare) = 0;
    for my $file (grep { -e && !m{^t/schema/} } split /\n/, $tracked) {
        open my $in, '<', $file or die "$file: $!";
        my $start = do { local $/ = \120; <$in> // '' };
        my ($form) = grep { $_ } map { $COMMENT{ $_ // '' } } $file =~ /\.(\w+)$/, $start =~ /^(#!)/, $file =~ m{^script/} ? '#!' : ();
        next unless $form;
        $form =~ s/%/SPDX-License-Identifier: Apache-2\.0/;
        $found++;
        push @bare, $file unless $start =~ /^$form$/m;
    }
    cmp_ok $found, '>', 200, 'the sources are found';
    is_deeply \@bare, [], 'every one says in its first lines what its license is' or diag map { "$_\n" } @bare;
}

# Chapters of NEWS, newest first
my ($steps) = content('schema.sql') =~ /FUNCTION pg_temp\.steps\(.*?VALUES\n(.*?)\$\$/s;
my @versions = $steps =~ /^ +\((\d+), /mg;
my @chapters = content('NEWS') =~ /^(?:Changes with schema|Schema) version (\d+)\n-+$/mg;
is_deeply \@chapters, [reverse 1 .. $chapters[0]], 'NEWS has a chapter for each version of the schema, newest first';
is_deeply \@versions, [reverse @chapters], 'and schema.sql has a step to each';
my ($known) = content('storage/statements.sql') =~ /^-- version: (\d+)$/m;
is $known, $versions[-1], 'the last of which the statements know';

my ($release) = content('configure.ac') =~ /^AC_INIT\(\[mod_scim\],\[([^]]+)\]\)/m;
like content('debian/changelog'), qr/\Amod-scim \(\Q$release\E\) /, 'the Debian packages have the version of configure.ac';
like content('packaging/mod_scim.spec'), qr/^Version: +\Q$release\E$/m, 'and so have the RPMs';

for my $file ('SECURITY.md', 'CONTRIBUTING.md') {
    my @named = content($file) =~ m{\b((?:docs|t|script|httpd|resources|rules|storage|admin|conf)/[\w./-]+\.\w+)\b}g;
    is_deeply [grep { !-e && !/TYPE/ } @named], [], "the places that $file names are there";
}
is_deeply [grep { index(content('README'), "\n$_\n--") < 0 } content('SECURITY.md') =~ /README,\s+"([^"]+)"/g], [],
    "and so are the README's chapters";

# Commits.  A tarball has none, and a shallow clone not those up to the base.
SKIP: {
    skip 'no history that goes back to the base', 1 unless -e '.git' && defined git('merge-base', '--is-ancestor', $BASE, 'HEAD');
    my @bad;
    for my $commit (split /\0\n?/, git('log', '--no-merges', '--encoding=UTF-8', '--format=%h%n%B%x00', "$BASE..HEAD")) {
        my ($hash, $subject, $blank, @body) = split /\n/, $commit;
        my $length = length Encode::decode_utf8($subject);
        push @bad, "$hash: $subject: $length characters" if $length >= 72;
        push @bad, "$hash: $subject: no empty line below" if length($blank // '');
        push @bad, "$hash: $subject: does not say why" unless grep { /\S/ && !/^[\w-]+-by: / } @body;
    }
    is_deeply \@bad, [], 'the subject of a commit has less than 72 characters, and its body says why' or diag map { "$_\n" } @bad;
}
done_testing;
