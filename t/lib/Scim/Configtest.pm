# SPDX-License-Identifier: Apache-2.0
package Scim::Configtest;
# "apachectl configtest" of a text, with mod_scim loaded and no server running.
#
#   my ($status, $output) = configtest("$DBD<Location /scim>\nSetHandler scim\n</Location>");
#   refused("DBDMax 0\n$text", qr/DBDMax 0: there would be no connections/, 'DBDMax 0');
use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use Scim::Process;
use Scim::Test;

our @EXPORT = qw(configtest configtest_folder allowed refused warned_of $DBD);

my $dir = File::Temp::tempdir('scim-configtest-XXXXXX', TMPDIR => 1, CLEANUP => 1);
our $DBD = qq(DBDriver pgsql\nDBDParams "host=/run/postgresql dbname=scim user=scim"\n);

# Where Include finds files.
sub configtest_folder { return $dir }

# (exit status, output) for this text behind the LoadModule lines.
sub configtest {
    my ($text, %option) = @_;
    my $load = Scim::Server::load_modules(@Scim::Server::TLS_MODULES);
    $load =~ s/^LoadModule dbd_module.*\n//m if $option{without_dbd};
    my $module = $ENV{SCIM_TEST_MODULE} || Scim::Server::root() . '/.libs/mod_scim.so';
    my $conf = "$dir/httpd.conf";
    Scim::Server::write_file($conf, <<"CONF");
${load}LoadModule scim_module $module
ServerRoot $dir
ServerName 127.0.0.1
Listen 127.0.0.1:9
ErrorLog /dev/stderr
$text
CONF
    my $done = Scim::Process::run([Scim::Server::httpd_program(), '-f', $conf, '-t']);
    return ($done->{status}, "$done->{out}$done->{err}");
}

sub refused {
    my ($text, $message, $name, %option) = @_;
    my ($status, $output) = configtest($text, %option);
    isnt $status, 0, "$name: refused";
    return like $output, $message, "$name: the message says what is wrong";
}

# It must be OK, and no message may have the form of unlike.
sub allowed {
    my ($text, $name, $unlike) = @_;
    my ($status, $output) = configtest($text);
    is $status, 0, "$name: allowed" or diag $output;
    return unlike $output, $unlike // qr/SCIM\d{4}/, "$name: without a warning";
}

sub warned_of {
    my ($text, $message, $name) = @_;
    my ($status, $output) = configtest($text);
    is $status, 0, "$name: allowed" or diag $output;
    return like $output, $message, "$name: with a warning";
}

1;
