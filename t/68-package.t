# SPDX-License-Identifier: Apache-2.0
# The Debian packages of the last commit: script/package builds them, finds nothing
# wrong and gets the same bytes in another place; what is in them, and where.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Test::More;

plan skip_all => 'not a working copy of git' unless -e '.git';
plan skip_all => 'no dpkg here' if Scim::Process::run(['dpkg-deb', '--version'])->{status};

my $done = Scim::Process::run(['script/package'], err => 'out', limit => 280);
is $done->{status}, 0, 'script/package builds the packages, lintian has no errors and no warnings,'
    . ' and every byte is the same elsewhere' or die $done->{out};

sub content {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub output { return Scim::Process::run([@_])->{out} }

my %deb = map { m{/([^/_]+)_} ? ($1 => $_) : () } glob '.build/*.deb';
is_deeply [sort keys %deb], ['libapache2-mod-scim', 'scimctl'], 'there are two, the module and the command';

my %files = map {
    my $list = output('dpkg-deb', '-c', $deb{$_});
    ($_ => { map { m{^(\S+) (\S+) .* \./(\S+[^/])$} ? ("/$3" => "$1 $2") : () } split /\n/, $list })
} keys %deb;
my $module = $files{'libapache2-mod-scim'};
is_deeply [sort grep { m{^/(?:etc|usr/lib)/} } keys %$module],
    ['/etc/apache2/mods-available/scim.conf', '/etc/apache2/mods-available/scim.load', '/usr/lib/apache2/modules/mod_scim.so'],
    'the module is where httpd and a2enmod look for it';
ok $module->{'/usr/share/mod_scim/admin/index.html'}, 'with the files of the settings page';
is_deeply [sort grep { /\.sql$/ } map { keys %$_ } values %files], [map { "/usr/share/mod_scim/$_" } sort glob '*.sql'],
    'the tables are in one of them';
ok $files{scimctl}{'/usr/share/mod_scim/schema.sql'}, 'in scimctl, because httpd never reads them';
for my $name ('/usr/bin/scimctl', '/man1/scimctl.1.gz', '/completions/scimctl.bash', '/scimctl-relay@.service', '/usr/share/doc/scimctl/README.Debian') {
    ok scalar(grep { /\Q$name\E$/ } keys %{ $files{scimctl} }), "scimctl has $name";
}
for my $name (sort keys %deb) {
    my $list = $files{$name};
    is_deeply [grep { m{^/usr/local} } sort keys %$list], [], "$name has nothing in /usr/local";
    is_deeply [grep { $list->{$_} !~ m{^.rw.r-.r-. root/root$}a && $list->{$_} !~ /^l/ } sort keys %$list], [],
        "$name: everything belongs to root, and only root can change it" or diag explain $list;
}
like output('dpkg-deb', '-f', $deb{'libapache2-mod-scim'}, 'Depends'), qr/(?=.*\bapache2-api-\d+)(?=.*\blibaprutil1-dbd-pgsql\b)/,
    "the module needs httpd's interface and the driver of mod_dbd";
unlike output('dpkg-deb', '-f', $deb{scimctl}, 'Depends'), qr/apache2-/, 'scimctl does not need httpd';

# Nothing more can be tested of RPMs here.
SKIP: {
    my $parsed = Scim::Process::run(['rpmspec', '-P', 'packaging/mod_scim.spec'], err => 'out');
    skip 'no rpmspec', 1 if $parsed->{status} == 127;
    is $parsed->{status}, 0, 'rpmspec understands packaging/mod_scim.spec' or diag $parsed->{out};
}
done_testing;
