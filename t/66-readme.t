# SPDX-License-Identifier: Apache-2.0
# The README as an operator reads it: its chapters from "Installing" to a token
# that works, and "Uninstalling", typed line by line on a newly installed Debian, by
# root and by a user of sudo.
use strict;
use warnings;
use File::Temp ();
use lib 't/lib';
use Scim::Debian;
use Scim::Process;
use Test::More;

my $URL = 'https://scim.example.com/scim';
my ($way, $why_not) = Scim::Debian::way();
plan skip_all => $why_not unless $way;
my $source = File::Temp::tempdir('scim-readme-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/mod_scim';
Scim::Process::run(['make', '-s', 'distdir', "distdir=$source"])->{status} == 0 or die "make distdir failed\n";
my ($debian, $who);

sub content {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub chapter {
    my ($title) = @_;
    my ($text) = content('README') =~ /^\Q$title\E\n-+\n(.*?)(?=^\S[^\n]*\n---+\n|\z)/ms;
    return $text // die "README has no chapter '$title'\n";
}

# The blocks of a text with this indentation, each with the paragraph before it.
sub blocks {
    my ($text, $indent) = @_;
    my ($said, @blocks) = ('');
    while ($text =~ /\G\n*(?:((?:^(?! {$indent}).+\n)+)|((?:^ {$indent}.*\n|\n(?= {$indent}))+))/gm) {
        my ($paragraph, $block) = ($1, $2);
        $said = join ' ', split ' ', $paragraph if defined $paragraph;
        push @blocks, [$said, $block =~ s/^ {$indent}//gmr] if defined $block;
    }
    return @blocks;
}

sub type_line {
    my ($command, $seconds) = @_;
    my ($status, $printed) = $debian->run($command, $seconds // 60);
    my ($name) = split /\n/, $command;
    note "\$ $command\n$printed";
    ok defined $status && $status == 0, "$who: $name" or diag $printed;
    die "no more can be typed\n" unless defined $status;
    return $printed;
}

# A file as an editor would write it.
sub write_file {
    my ($file, $text) = @_;
    my $tee = $file =~ m{^/} ? 'sudo tee' : 'tee';
    type_line("$tee $file > /dev/null <<'END'\n${text}END");
}

sub has_line {
    my ($file, $line) = @_;
    my ($status) = $debian->run("grep -qxF -- '" . $line =~ s/'/'\\''/gr . "' $file", 10);
    is $status, 0, "$who: $file has: $line";
}

# Follow a text; returns the output.  A line that ends in "\" continues.
sub follow {
    my ($text, $indent) = @_;
    my $printed = '';
    for (blocks($text, $indent)) {
        my ($said, $block) = @$_;
        if ($said =~ m{(\S+) then has the lines:$}) {
            has_line($1, $_) for grep { /\S/ } split /\n/, $block;
        }
        elsif ($said =~ m{ in(?:to)? (\S+):$}) {
            write_file($1, $block);
        }
        else {
            $printed .= type_line($_, /make/ ? 300 : 60) for grep { /\S/ } split /(?<!\\)\n/, $block;
        }
    }
    return $printed;
}

# The answer that curl gets: status, version of HTTP, body.
sub request {
    my ($url, @options) = @_;
    my $curl = "curl -sS -o answer -w '%{http_code} %{http_version}\\n' @options '$url'; cat answer";
    return ($debian->run($curl, 30))[1];
}

# A file that only root or httpd's user may read.
sub is_kept_from_others {
    my ($file) = @_;
    my ($there) = $debian->run("sudo test -s $file", 10);
    my ($read) = $debian->run("sudo -u nobody cat $file", 10);
    ok $there == 0 && $read != 0, "$who: $file cannot be read by everybody";
}

# Checks after the chapters were followed.
sub works {
    my ($token) = @_;
    my $bearer = "-H 'Authorization: Bearer $token'";
    my @with = ('--cacert', '/etc/ssl/certs/scim.pem', $bearer);
    like request("$URL/acme/v2/Users", @with), qr/\A200 2\n.*"userName":"admin\@example\.com"/s,
        "$who: the token works over TLS, and HTTP/2, with the certificate checked";
    like request("$URL/acme/v2/Users", '--http1.1', @with), qr/\A200 1\.1\n/, "$who: and over HTTP/1.1";
    like request("$URL/trial/v2/Users", @with), qr/\A401 /, "$who: it is of no use for another organization";
    like request('http://scim.example.com/scim/acme/v2/Users', $bearer), qr/\A404 /,
        "$who: there is no SCIM without TLS";
    is_kept_from_others('/etc/ssl/private/scim.key');
}

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
    like request('http://localhost/'), qr/\A200 /, "$who: and httpd goes on without it";
}

# examples/reverse-proxy, whose README is typed, too.
sub reverse_proxy {
    my ($token) = @_;
    $debian->run("sudo sed -i 's/scim.example.com\$/& www.example.com/' /etc/hosts", 10);
    my $text = content('examples/reverse-proxy/README') =~ s/\A.*?^ 1\. //msr;
    $text =~ s/htpasswd -B -c (\S+) (\S+)/htpasswd -bB -c $1 $2 secret/ or die;    # instead of asking for it
    follow($text, 8);
    is_kept_from_others("/etc/mod_scim/$_") for qw(passwords tls.key);
    my @with = ('--cacert', '/etc/mod_scim/tls.crt');
    my $application = 'https://www.example.com/application/';
    like request($application, @with), qr/\A401 /, "$who: the reverse proxy asks who comes";
    like request($application, @with, '-u taro@example.com:secret'), qr/\A403 /,
        "$who: lets in nobody who is not provisioned";
    like request("$URL/acme/v2/Users", @with, "-H 'Authorization: Bearer $token'"), qr/\A200 /,
        "$who: and provisions on its virtual host for SCIM";
}

for ('root', 'webmaster') {
    $who = $_;
    undef $debian;    # it may occupy the ports, if there are no namespaces
    $debian = Scim::Debian->new(way => $way, user => $who, source => $source, seconds => 600);
    $debian->run('export MAKEFLAGS=-j2', 10);
    my $printed = follow(chapter('Installing'), 4);
    my ($map) = $printed =~ /^    (printf 'scim .*)$/m;
    is $map // '', chapter('Installing') =~ /^    (printf 'scim .*)$/m ? $1 =~ s/"\$\(id -un\)"/$who/r : 'a line of README',
        "$who: scimctl db create prints the lines that README has";
    follow(chapter('httpd.conf for production'), 4);
    $printed = follow(chapter('An organization and its token'), 4);
    like $printed, qr/, 0 failures$/m, "$who: Entra ID provisions";
    my ($token) = $printed =~ /^(scim_\w+)$/m or die "scimctl printed no token\n";
    works($token);
    if ($who eq 'root') {
        connections_suffice($token);
        follow(chapter('Uninstalling'), 4);
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
