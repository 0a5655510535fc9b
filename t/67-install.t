# SPDX-License-Identifier: Apache-2.0
# make dist, make install, make uninstall and make distcheck, in a folder of
# their own.
use strict;
use warnings;
use File::Find ();
use File::Temp ();
use lib 't/lib';
use Scim::Process;
use Scim::Server;
use Test::More;

my $dir = File::Temp::tempdir('scim-install-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $root = "$dir/root";

sub make {
    my (@arguments) = @_;
    my $done = Scim::Process::run(['make', @arguments]);
    my $text = $done->{out} . $done->{err};
    is $done->{status}, 0, "make @arguments[0 .. 0]" or diag $text;
    return $text;
}

sub content {
    my ($file) = @_;
    open my $in, '<', $file or return undef;
    local $/;
    return scalar <$in>;
}

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
}

sub installed {
    my @found;
    File::Find::find(sub { push @found, $File::Find::name =~ s/^\Q$root\E//r if -f || -l }, $root);
    return [sort @found];
}

# The archive has the files of git and those that autoreconf creates.
make('-s', 'distdir', "distdir=$dir/mod_scim");
SKIP: {
    skip 'not a working copy of git', 1 unless -e '.git';
    my @tracked = split /\n/, Scim::Process::run(['git', 'ls-files'])->{out};
    my @found;
    my $keep = sub { push @found, s{^\Q$dir\E/mod_scim/}{}r if -f };
    File::Find::find({ no_chdir => 1, wanted => $keep }, "$dir/mod_scim");
    is_deeply [sort grep { !m{^(?:build-aux/.*|Makefile\.in|aclocal\.m4|configure)$} } @found], [sort @tracked],
        'make dist packs every file of the repository and nothing that was built in it';
}

# On Debian's layout
my ($modules, $available) = map { content('Makefile') =~ /^$_ = (\S+)$/m } qw(moduledir modsavailabledir);
SKIP: {
    skip 'httpd has no mods-available here', 18 if $available eq 'no';
    my ($load, $conf) = map { "$root$available/scim.$_" } qw(load conf);
    like make('install', "DESTDIR=$root"), qr/^mod_scim is installed; a2enmod scim enables it$/m,
        'make install says how to enable the module';
    is content($load), "# Depends: dbd\nLoadModule scim_module $modules/mod_scim.so\n",
        'scim.load names mod_dbd for a2enmod, and the module by its full path';
    is_deeply [grep { !/^\s*(?:#|$)/ } split /\n/, content($conf)], ['<IfModule scim_module>', '</IfModule>'],
        'scim.conf as installed sets nothing';
    ok -e "$root$modules/mod_scim.so", 'and the module is there';

    is_deeply [map { s{.*/share/}{}r } grep { m{/man/|bash-completion} } @{ installed() }],
        ['bash-completion/completions/scimctl.bash', 'man/man1/scimctl.1', 'man/man7/mod_scim.7'],
        'the manual pages and the completion are there';

    write_file($conf, "# mine\n");
    write_file($load, "# old\n");
    like make('install', "DESTDIR=$root"), qr/scim\.conf is kept as it is$/m,
        'make install again says that it keeps scim.conf';
    is content($conf), "# mine\n", "and keeps the administrator's";
    like content($load), qr/^LoadModule/m, 'but writes scim.load anew';

    my $enabled = "$root$available/../mods-enabled";
    mkdir $enabled;
    symlink "../mods-available/scim.$_", "$enabled/scim.$_" for qw(load conf);
    like make('uninstall', "DESTDIR=$root"), qr/scim\.conf was changed and is kept$/m,
        'make uninstall keeps a scim.conf that was changed, and says so';
    is_deeply [map { s{.*/(mods-)}{$1}r } @{ installed() }], [qw(mods-available/scim.conf mods-enabled/scim.conf)],
        'it removes all else, and the link that would lead nowhere';
    unlink $conf, "$enabled/scim.conf";
    make('install', "DESTDIR=$root");
    make('uninstall', "DESTDIR=$root");
    is_deeply installed(), [], 'an unchanged scim.conf goes with the rest';
    ok !-d "$root/usr/local/share/mod_scim", "and so do mod_scim's own folders";
}

# Beside Debian's package
mkdir "$dir/$_" for 'bin', 'packaged';
write_file("$dir/bin/dpkg-query", "#!/bin/sh\n");    # everything belongs to a package
chmod 0755, "$dir/bin/dpkg-query";
write_file("$dir/packaged/mod_scim.so", '');
{
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    my @there = map { "$_=$dir/packaged" } qw(moduledir modsavailabledir pkgdatadir admindir);
    my $done = Scim::Process::run(['make', '-s', 'install-exec-local', @there]);
    isnt $done->{status}, 0, 'make install does not write over the files of a package';
    is $done->{err} =~ s/^make.*\n//gmr, "$dir/packaged/mod_scim.so belongs to a package: remove libapache2-mod-scim and scimctl first\n",
        'and says what to do';
    like make('-s', 'uninstall-hook', @there), qr/^httpd's files belong to a package and are kept$/m, 'make uninstall says that it keeps them';
    ok -e "$dir/packaged/mod_scim.so", 'and does';
}

# On another
chdir "$dir/mod_scim" or die;
my $configured = Scim::Process::run(['./configure', '-q', '--with-mods-available=no']);
is $configured->{status}, 0, 'configure --with-mods-available=no' or diag $configured->{err};
like make('-s', 'install-httpd-conf', "DESTDIR=$root/other"), qr/^httpd's configuration is left alone/,
    "make install leaves httpd's configuration alone and says so";
ok !-e "$root/other", 'where there is no a2enmod';

# Run by a user that is not root, because root can write to read-only files.
my @as_user;
if (my $user = Scim::Server::database_user()) {
    my ($uid, $gid) = (getpwnam $user)[2, 3];
    File::Find::find(sub { chown $uid, $gid, $_ }, $dir);
    @as_user = ('setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups');
}
my $checked = Scim::Process::run([@as_user, 'make', '-s', '-j2', 'distcheck',
    'DISTCHECK_CONFIGURE_FLAGS=-q CFLAGS=-O0 --disable-dependency-tracking'], err => 'out');
is $checked->{status}, 0, 'make distcheck: what make dist packs is built, tested, installed and packed again beside its sources,'
    . ' which are read-only' or diag $checked->{out};
my @unit_tests = map { s/\.c$//r } glob 't/unit/*_test.c';
is_deeply [sort $checked->{out} =~ m{^(t/unit/\w+_test) \.+ ok$}mg], \@unit_tests, 'every unit test runs there';

$configured = Scim::Process::run(['./configure', '-q', '--with-mods-available=conf']);
isnt $configured->{status}, 0, 'configure refuses a relative folder';
like $configured->{out} . $configured->{err}, qr/--with-mods-available needs an absolute path, or no/, 'and says what it needs';
chdir '/';
done_testing;
