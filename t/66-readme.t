# SPDX-License-Identifier: Apache-2.0
# The README as an operator reads it who builds from source: its chapters from
# "Installing from source" to a token that works, and "Uninstalling", typed line by
# line on a newly installed Debian, by root and by a user of sudo.
use strict;
use warnings;
use File::Temp ();
use lib 't/lib';
use Scim::Debian;
use Scim::Process;
use Scim::Readme;
use Test::More;

my $URL = $Scim::Readme::URL;
my ($way, $why_not) = Scim::Debian::way();
plan skip_all => $why_not unless $way;
my $source = File::Temp::tempdir('scim-readme-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/mod_scim';
Scim::Process::run(['make', '-s', 'distdir', "distdir=$source"])->{status} == 0 or die "make distdir failed\n";
my ($debian, $operator, $who);

# PostgreSQL has enough connections for httpd, even if every request waits for a lock
# and old processes run beside the new ones during a graceful restart.
sub connections_suffice {
    my ($token) = @_;
    my $clients = '-Z --parallel-immediate --parallel-max 150 -o /dev/null';
    my (undef, $printed) = $debian->run(<<"END", 120);
        ask() { sudo -iu postgres psql -At -d scim -c "\$1"; }
        held() { ask "SELECT 'held ' || count(*) FROM pg_stat_activity WHERE usename = 'scim'"; }
        load() {
            curl -sk --http1.1 $clients -H 'Authorization: Bearer $token' \\
                '$URL/acme/v2/Users?count=[1-300]' 2> /dev/null
        }
        ask 'BEGIN; LOCK TABLE scim.account; SELECT pg_sleep(6); COMMIT' > /dev/null &
        until ask 'SELECT mode FROM pg_locks' | grep -q AccessExclusive; do sleep 0.1; done
        load & sleep 3; held
        sudo apachectl graceful
        load & sleep 1; held; sleep 1; held; wait
        sudo cat /var/log/postgresql/*.log
END
    my ($most) = sort { $b <=> $a } $printed =~ /^held (\d+)$/mg;
    note $printed;
    cmp_ok $most // 0, '>', 16, "$who: 300 clients, a lock and a graceful restart need many connections";
    unlike $printed, qr/FATAL/, "$who: of which PostgreSQL refuses none";
}

# Checks after README's "Uninstalling".
sub is_uninstalled {
    my (undef, $left) = $debian->run('find /etc/apache2 /usr/local /usr/lib/apache2 -name "*scim*" | sort', 30);
    is $left, join('', map { "/etc/apache2/$_-available/scim.conf\n" } qw(mods sites)),
        "$who: what was installed is gone, but for what somebody has written";
    like $operator->request('http://localhost/'), qr/\A200 /, "$who: and httpd goes on without it";
}

# examples/reverse-proxy, whose README is typed, too.
sub reverse_proxy {
    my ($token) = @_;
    $debian->run("sudo sed -i 's/scim.example.com\$/& www.example.com/' /etc/hosts", 10);
    my $text = Scim::Readme::content('examples/reverse-proxy/README') =~ s/\A.*?^ 1\. //msr;
    $text =~ s/htpasswd -B -c (\S+) (\S+)/htpasswd -bB -c $1 $2 secret/ or die;    # instead of asking for it
    $operator->follow($text, 8);
    $operator->is_kept_from_others("/etc/mod_scim/$_") for qw(passwords tls.key);
    my @with = ('--cacert', '/etc/mod_scim/tls.crt');
    my $application = 'https://www.example.com/application/';
    like $operator->request($application, @with), qr/\A401 /, "$who: the reverse proxy asks who comes";
    like $operator->request($application, @with, '-u taro@example.com:secret'), qr/\A403 /,
        "$who: lets in nobody who is not provisioned";
    like $operator->request("$URL/acme/v2/Users", @with, "-H 'Authorization: Bearer $token'"), qr/\A200 /,
        "$who: and provisions on its virtual host for SCIM";
}

for ('root', 'webmaster') {
    $who = $_;
    undef $operator;
    undef $debian;    # it may occupy the ports, if there are no namespaces
    $debian = Scim::Debian->new(way => $way, user => $who, source => $source, seconds => 600);
    $debian->run('export MAKEFLAGS=-j2', 10);
    $operator = Scim::Readme->new(debian => $debian, who => $who);
    $operator->follow(Scim::Readme::chapter('Installing from source'), 4);
    my $database = Scim::Readme::chapter('The database');
    my ($map) = $operator->follow($database, 4) =~ /^    (printf 'scim .*)$/m;
    is $map // '', $database =~ /^    (printf 'scim .*)$/m ? $1 =~ s/"\$\(id -un\)"/$who/r : 'a line of README',
        "$who: scimctl db create prints the lines that README has";
    my $token = $operator->go_to_production;
    $operator->works($token);
    if ($who eq 'root') {
        connections_suffice($token);
        $operator->{instead} = sub { $_[0] =~ /^sudo apt purge/ ? 'sudo make uninstall' : $_[0] };
        $operator->follow(Scim::Readme::chapter('Uninstalling'), 4);
        is_uninstalled();
    }
    else {
        SKIP: {
            skip 'without /proc Debian cannot stop its httpd', 1 if $way eq 'copy';
            reverse_proxy($token);
        }
    }
}
done_testing;
