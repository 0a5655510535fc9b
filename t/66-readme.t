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

my $README = do { open my $in, '<', 'README' or die "README: $!\n"; local $/; <$in> };
my $CERTIFICATE = '/etc/ssl/certs/scim.pem';
my $URL = 'https://scim.example.com/scim';

my $missing = Scim::Debian::missing();
plan skip_all => $missing if $missing;
my $source = File::Temp::tempdir('scim-readme-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/mod_scim';
system('make', '-s', 'distdir', "distdir=$source") == 0 or die "make distdir failed\n";

my $debian;

# The indented blocks of a chapter, each with the paragraph in front of it.
sub blocks {
    my ($chapter) = @_;
    my ($text) = $README =~ /^\Q$chapter\E\n-+\n(.*?)(?=^\S[^\n]*\n---+\n|\z)/ms or die "README has no chapter '$chapter'\n";
    my ($said, @blocks) = ('');
    while ($text =~ /\G\n*(?:((?:^\S.*\n)+)|((?:^ {4}.*\n|\n(?= {4}))+))/gm) {
        my ($paragraph, $block) = ($1, $2);
        $said = join ' ', split ' ', $paragraph if defined $paragraph;
        push @blocks, [$said, $block =~ s/^ {4}//gmr] if defined $block;
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

# The chapter as its text says; returns what was printed.
sub follow {
    my ($chapter) = @_;
    my $printed = '';
    for (blocks($chapter)) {
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
    like request('http://scim.example.com/scim/acme/v2/Users', '-H', "'Authorization: Bearer $token'"), qr/\A404 /, "$user: there is no SCIM without TLS";
}

for my $user ('root', 'webmaster') {
    $debian = Scim::Debian->new(user => $user, source => $source, seconds => 300);
    follow('Installing');
    follow('httpd.conf for production');
    my $printed = follow('An organization and its token');
    my ($token) = $printed =~ /^(\S{30,})$/m;
    works($token);
    like $printed, qr/, 0 failures$/m, "$user: Entra ID provisions";
    follow('Uninstalling');
}
done_testing;
