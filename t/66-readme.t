# The README as an operator reads it: its chapters from "Installing" to a token
# that works, and "Uninstalling", typed line by line on a Debian that has just
# been installed, by root and by somebody who may use sudo.
use strict;
use warnings;
use File::Temp ();
use lib 't/lib';
use Scim::Debian;
use Scim::Server;
use Test::More;

my $CERTIFICATE = '/etc/ssl/certs/scim.pem';
my $URL = 'https://scim.example.com/scim';

my $missing = Scim::Debian::missing();
plan skip_all => $missing if $missing;
my $source = File::Temp::tempdir('scim-readme-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/mod_scim';
system('make', '-s', 'distdir', "distdir=$source") == 0 or die "make distdir failed\n";

my $debian;

sub content {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub chapter {
    my ($title) = @_;
    my ($text) = content('README') =~ /^\Q$title\E\n-+\n(.*?)(?=^\S[^\n]*\n---+\n|\z)/ms or die "README has no chapter '$title'\n";
    return $text;
}

# The blocks of a text that are indented by so many blanks, each with the
# paragraph in front of it.
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

# What is to be typed, with the lines that "\" goes on with.
sub commands { my ($block) = @_; return grep { /\S/ } split /(?<!\\)\n/, $block }

sub type_line {
    my ($command, $seconds) = @_;
    my ($status, $printed) = $debian->run($command, $seconds // 60);
    my ($name) = split /\n/, $command;
    note "\$ $command\n$printed";
    ok defined $status && $status == 0, "$debian->{user}: $name" or diag $printed;
    return $printed;
}

sub write_file {
    my ($file, $text) = @_;
    my $tee = $file =~ m{^/} ? 'sudo tee' : 'tee';
    return type_line("$tee $file > /dev/null <<'END'\n${text}END");
}

sub has_line {
    my ($file, $line) = @_;
    my ($status) = $debian->run("grep -qxF -- '" . $line =~ s/'/'\\''/gr . "' $file", 10);
    is $status, 0, "$debian->{user}: $file has: $line";
}

# Do as a text says; returns what was printed.
sub follow {
    my ($text, $indent) = @_;
    my $printed = '';
    for (blocks($text, $indent // 4)) {
        my ($said, $block) = @$_;
        if ($said =~ m{(\S+) then has the lines:$}) {
            has_line($1, $_) for grep { /\S/ } split /\n/, $block;
        }
        elsif ($said =~ m{ in(?:to)? (\S+):$}) {
            write_file($1, $block);
        }
        else {
            $printed .= type_line($_, /make/ ? 300 : 60) for commands($block);
        }
    }
    return $printed;
}

sub request {
    my ($path, @options) = @_;
    my ($status, $printed) = $debian->run("curl -sS -o answer -w '%{http_code} %{http_version}' @options '$path'; echo; cat answer", 30);
    return $printed;
}

# What holds once the chapters are followed.
sub works {
    my ($token) = @_;
    my $user = $debian->{user};
    my @with = ('--cacert', $CERTIFICATE, '-H', "'Authorization: Bearer $token'");
    like request("$URL/acme/v2/Users", @with), qr/\A200 2\n.*"userName":"admin\@example\.com"/s, "$user: the token works over TLS, and HTTP/2, with the certificate checked";
    like request("$URL/acme/v2/Users", '--http1.1', @with), qr/\A200 1\.1\n/, "$user: and over HTTP/1.1";
    like request("$URL/trial/v2/Users", @with), qr/\A401 /, "$user: it is of no use for another organization";
    is_kept_from_others('/etc/ssl/private/scim.key');
    like request('http://scim.example.com/scim/acme/v2/Users', '-H', "'Authorization: Bearer $token'"), qr/\A404 /, "$user: there is no SCIM without TLS";
}

# PostgreSQL has connections enough for all of httpd's, even when every request
# waits for a lock and a graceful restart has old processes beside the new ones.
sub connections_suffice {
    my ($token) = @_;
    my (undef, $printed) = $debian->run(<<"END", 120);
        ask() { sudo -iu postgres psql -At -d scim -c "\$1"; }
        held() { ask "SELECT 'held ' || count(*) FROM pg_stat_activity WHERE usename = 'scim'"; }
        load() { curl -sk --http1.1 -Z --parallel-immediate --parallel-max 150 -o /dev/null -H 'Authorization: Bearer $token' '$URL/acme/v2/Users?count=[1-300]'; }
        ask 'BEGIN; LOCK TABLE scim.account; SELECT pg_sleep(6); COMMIT' > /dev/null &
        until ask 'SELECT mode FROM pg_locks' | grep -q AccessExclusive; do sleep 0.1; done
        load & sleep 3; held
        sudo apachectl graceful
        load & sleep 1; held; sleep 1; held
        wait
        sudo cat /var/log/postgresql/*.log
END
    my ($most) = sort { $b <=> $a } $printed =~ /^held (\d+)$/mg;
    cmp_ok $most, '>', 16, "$debian->{user}: 300 clients, a lock and a graceful restart make httpd take connections ($most)" or diag $printed;
    unlike $printed, qr/FATAL/, "$debian->{user}: of which PostgreSQL refuses none" or diag $printed;
}

# A file that only root or httpd's user may read.
sub is_kept_from_others {
    my ($file) = @_;
    my ($there) = $debian->run("sudo test -s $file", 10);
    my ($read) = $debian->run("sudo -u nobody cat $file", 10);
    ok $there == 0 && $read != 0, "$debian->{user}: $file cannot be read by everybody";
}

# examples/reverse-proxy: its README, too, is typed.
sub reverse_proxy {
    my ($token) = @_;
    $debian->run("sudo sed -i 's/scim.example.com\$/& www.example.com/' /etc/hosts", 10);
    my $text = content('examples/reverse-proxy/README');
    $text =~ s/htpasswd -B -c (\S+) (\S+)/htpasswd -bB -c $1 $2 secret/ or die;    # which it asks for
    follow($text =~ s/\A.*?^ 1\. //msr, 8);
    is_kept_from_others("/etc/mod_scim/$_") for qw(passwords tls.key);
    my @with = ('--cacert', '/etc/mod_scim/tls.crt');
    my $application = 'https://www.example.com/application/';
    like request($application, @with), qr/\A401 /, "the reverse proxy asks who comes";
    like request($application, @with, '-u', 'taro@example.com:secret'), qr/\A403 /, 'it lets nobody in who is not provisioned';
    like request("$URL/acme/v2/Users", @with, '-H', "'Authorization: Bearer $token'"), qr/\A200 /, 'and provisions on its virtual host for SCIM';
}

for my $user ('root', 'webmaster') {
    $debian = Scim::Debian->new(user => $user, source => $source, seconds => 300);
    follow(chapter($_)) for 'Installing', 'httpd.conf for production';
    my $printed = follow(chapter('An organization and its token'));
    my ($token) = $printed =~ /^(scim_\w+)$/m or die "scimctl printed no token\n";
    works($token);
    like $printed, qr/, 0 failures$/m, "$user: Entra ID provisions";
    if ($user eq 'root') {
        connections_suffice($token);
        follow(chapter('Uninstalling'));
        my (undef, $left) = $debian->run('find /etc/apache2 /usr/local /usr/lib/apache2 -name "*scim*" | sort', 30);
        is $left, "/etc/apache2/mods-available/scim.conf\n/etc/apache2/sites-available/scim.conf\n", 'what was uninstalled is gone, but what somebody wrote';
        like request('http://localhost/'), qr/\A200 /, 'and httpd goes on without it';
    }
    else {
        reverse_proxy($token);
    }
}
done_testing;
