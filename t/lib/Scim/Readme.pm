# SPDX-License-Identifier: Apache-2.0
package Scim::Readme;
# The README as somebody follows it in a Debian of his own: its chapters, typed line
# by line.
#
#   my $operator = Scim::Readme->new(debian => Scim::Debian->new(...), who => 'root');
#   $operator->follow(Scim::Readme::chapter('Installing'), 4);
#   like $operator->request('http://localhost/'), qr/\A200 /, 'httpd works';
use strict;
use warnings;
use Test::More;

our $URL = 'https://scim.example.com/scim';

# instead: code that returns the line to type in place of the one of the README, or
# undef for none.
sub new {
    my ($class, %option) = @_;
    return bless { instead => sub { $_[0] }, %option }, $class;
}

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
    my ($self, $command, $seconds) = @_;
    my ($status, $printed) = $self->{debian}->run($command, $seconds // 60);
    my ($name) = split /\n/, $command;
    note "\$ $command\n$printed";
    ok defined $status && $status == 0, "$self->{who}: $name" or diag $printed;
    die "no more can be typed\n" unless defined $status;
    return $printed;
}

# A file as an editor would write it.
sub write_file {
    my ($self, $file, $text) = @_;
    my $tee = $file =~ m{^/} ? 'sudo tee' : 'tee';
    $self->type_line("$tee $file > /dev/null <<'END'\n${text}END");
}

sub has_line {
    my ($self, $file, $line) = @_;
    my ($status) = $self->{debian}->run("grep -qxF -- '" . $line =~ s/'/'\\''/gr . "' $file", 10);
    is $status, 0, "$self->{who}: $file has: $line";
}

# Follow a text; returns the output.  A line that ends in "\" continues.
sub follow {
    my ($self, $text, $indent) = @_;
    my $printed = '';
    for (blocks($text, $indent)) {
        my ($said, $block) = @$_;
        if ($said =~ m{(\S+) then has the lines:$}) {
            $self->has_line($1, $_) for grep { /\S/ } split /\n/, $block;
        }
        elsif ($said =~ m{ in(?:to)? (\S+):$}) {
            $self->write_file($1, $block);
        }
        else {
            my @lines = map { $self->{instead}->($_) // () } grep { /\S/ } split /(?<!\\)\n/, $block;
            $printed .= $self->type_line($_, /make|apt/ ? 300 : 60) for @lines;
        }
    }
    return $printed;
}

# The answer that curl gets: status, version of HTTP, body.
sub request {
    my ($self, $url, @options) = @_;
    my $curl = "curl -sS -o answer -w '%{http_code} %{http_version}\\n' @options '$url'; cat answer";
    return ($self->{debian}->run($curl, 30))[1];
}

# A file that only root or httpd's user may read.
sub is_kept_from_others {
    my ($self, $file) = @_;
    my ($there) = $self->{debian}->run("sudo test -s $file", 10);
    my ($read) = $self->{debian}->run("sudo -u nobody cat $file", 10);
    ok $there == 0 && $read != 0, "$self->{who}: $file cannot be read by everybody";
}

# "httpd.conf for production" and "An organization and its token"; returns the token.
sub go_to_production {
    my ($self) = @_;
    $self->follow(chapter('httpd.conf for production'), 4);
    my $printed = $self->follow(chapter('An organization and its token'), 4);
    like $printed, qr/, 0 failures$/m, "$self->{who}: Entra ID provisions";
    my ($token) = $printed =~ /^(scim_\w+)$/m or die "scimctl printed no token\n";
    return $token;
}

# Checks after the chapters were followed.
sub works {
    my ($self, $token) = @_;
    my $bearer = "-H 'Authorization: Bearer $token'";
    my @with = ('--cacert', '/etc/ssl/certs/scim.pem', $bearer);
    my $who = $self->{who};
    like $self->request("$URL/acme/v2/Users", @with), qr/\A200 2\n.*"userName":"admin\@example\.com"/s,
        "$who: the token works over TLS, and HTTP/2, with the certificate checked";
    like $self->request("$URL/acme/v2/Users", '--http1.1', @with), qr/\A200 1\.1\n/, "$who: and over HTTP/1.1";
    like $self->request("$URL/trial/v2/Users", @with), qr/\A401 /, "$who: it is of no use for another organization";
    like $self->request('http://scim.example.com/scim/acme/v2/Users', $bearer), qr/\A404 /,
        "$who: there is no SCIM without TLS";
    $self->is_kept_from_others('/etc/ssl/private/scim.key');
}

1;
