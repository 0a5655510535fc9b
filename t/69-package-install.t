# SPDX-License-Identifier: Apache-2.0
# The Debian packages on a newly installed Debian: the README from "Installing" to a
# token that works, an upgrade, removal and purging; and the packages' own test.
use strict;
use warnings;
use File::Temp ();
use lib 't/lib';
use Scim::Debian;
use Scim::Process;
use Scim::Readme;
use Test::More;

my ($way, $why_not) = Scim::Debian::way();
plan skip_all => $why_not unless $way;
plan skip_all => 'no namespaces are allowed here' unless $way eq 'namespaces';
plan skip_all => 'not a working copy of git' unless -e '.git';

my $dir = File::Temp::tempdir('scim-package-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $source = "$dir/mod_scim";

sub run {
    my (@command) = @_;
    my $done = Scim::Process::run(\@command, err => 'out', limit => 280);
    die "@command: $done->{out}" if $done->{status};
    return $done->{out};
}

# The same package with a higher version.
sub make_newer {
    my ($package) = @_;
    run('dpkg-deb', '-R', $package, "$dir/unpacked");
    run('sed', '-i', 's/^Version: .*/Version: 999/', "$dir/unpacked/DEBIAN/control");
    run('dpkg-deb', '--root-owner-group', '-b', "$dir/unpacked", "$source/newer");
    run('rm', '-r', "$dir/unpacked");
}

run('script/package');
my @packages = glob '.build/*.deb';
run('make', '-s', 'distdir', "distdir=$source");
mkdir "$source/$_" for '.build', 'newer';
run('cp', @packages, "$source/.build");
make_newer($_) for @packages;
my ($needed) = Scim::Readme::chapter('Installing') =~ /sudo apt install (.*) \S+\.deb$/m;
(my $base, $why_not) = Scim::Debian::base(@packages, split ' ', $needed);
plan skip_all => $why_not unless $base;

sub enter { return Scim::Debian->new(way => $base, user => 'root', source => $source, seconds => 280) }

# The packages were built outside, where there is a clone.
sub by_packages {
    my ($line) = @_;
    return $line eq 'script/package' ? undef : $line;
}

my $debian = enter();
my $operator = Scim::Readme->new(debian => $debian, who => 'packages', instead => \&by_packages);

sub typed { return $operator->type_line($_[0], 120) }

sub serves {
    my ($when) = @_;
    typed('apachectl configtest');
    typed('service apache2 restart');
    like $operator->request('http://localhost/'), qr/\A200 /, "httpd works $when";
}

# Everything but logs, what dpkg and a2enmod remember, and the database.
sub files {
    my ($status, $found) = $debian->run('find /etc /usr /var /run -xdev | sort', 60);
    return grep { !m{^/var/(?:log|cache|lib/(?:apache2|apt|dpkg|postgresql))/} } split /\n/, $found;
}

# What is ours, without the virtual host and its certificate, which the operator made.
sub left_behind {
    return [grep { /scim/ && !m{^/etc/(?:ssl|apache2/sites-available)/} } files()];
}

# Unconfigured
$operator->follow(Scim::Readme::chapter('Installing'), 4);
like typed('a2query -m'), qr/^scim \(enabled/m, 'the module is enabled';
serves('with the module that is not configured');
$operator->write_file('/etc/apache2/conf-enabled/other.conf', "DBDriver sqlite3\nDBDParams /tmp/other.db\n");
serves('beside a module with a database of another kind');
typed('rm /etc/apache2/conf-enabled/other.conf');

# In production
$operator->follow(Scim::Readme::chapter('The database'), 4);
my $token = $operator->go_to_production;
$operator->works($token);

# Upgraded
my $conf = '/etc/apache2/mods-available/scim.conf';
typed("echo '# mine' >> $conf");
typed('apt-get install -q ./newer/*.deb');
is typed('dpkg-query -W -f "\${Version} " scimctl libapache2-mod-scim'), '999 999 ', 'the packages are upgraded';
$operator->has_line($conf, '# mine');
typed('apachectl configtest');
$operator->works($token);

# Removed and purged
my ($uninstall) = Scim::Readme::chapter('Uninstalling') =~ /^    (sudo apt purge .*)$/m;
$operator->{instead} = sub { $_[0] =~ s/^sudo apt purge/sudo apt remove/r };
$operator->follow(Scim::Readme::chapter('Uninstalling'), 4);
is_deeply left_behind(), [map { "/etc/apache2/mods-available/scim.$_" } qw(conf load)],
    'removed, the packages leave only their configuration behind';
serves('after they were removed');
typed($uninstall);
is_deeply left_behind(), [], 'purged, they leave nothing behind';
my @before = files();
typed('apt-get install -q ./.build/*.deb');
typed($uninstall);
is_deeply [files()], \@before, 'installed and purged again, they leave no file behind, whatever its name';
serves('after they were purged');
undef $operator;
undef $debian;

# The packages' own test
$debian = enter();
$operator = Scim::Readme->new(debian => $debian, who => 'autopkgtest');
my ($depends) = Scim::Readme::content('debian/tests/control') =~ /^Depends: (.*)$/m;
typed('apt-get install -q ' . join ' ', map { $_ eq '@' ? './.build/*.deb' : $_ } split /, /, $depends);
my $said = typed('sh debian/tests/provision');
like $said, qr/^ok: $_$/m, "the packages' own test: $_"
    for 'POST of a user is answered 201', 'the user at the gate is answered 200',
    'the inactive user at the gate is answered 403';
done_testing;
