# SPDX-License-Identifier: Apache-2.0
# The queries of README's chapter "The accounts in SQL", as they are but for the ids
# in them, by an application's role.
use strict;
use warnings;
use lib 't/lib';
use Scim::Entra;
use Scim::Process;
use Scim::Test;

my $READER = 'reader_' . random_name();
my $server = own_server(roles => [$READER]);         # roles belong to a whole cluster
my $org = organization();
my $entra = Scim::Entra->new(url => $org->url, token => $org->{token});
ok $entra->run(Scim::Entra::demonstration('example.com')), 'there are accounts and groups';
my ($taro) = map { $_->[0] } sql(
    'SELECT id FROM scim.account WHERE organization_id = $1 AND user_name = $2', $org->{id}, 'taro.yamada@example.com');

open my $in, '<:utf8', 'README' or die "README: $!\n";
my ($chapter) = join('', <$in>) =~ /^The accounts in SQL\n-+\n(.*?)\n\n\n/ms;
my @queries = $chapter =~ /^(    SELECT .*?;)$/msg;
is scalar @queries, 6, 'README has six queries';
s/'acme'/'$org->{key}'/ for @queries;
my @given = (undef, ['Taro@example.com', 'TARO.Yamada@example.com'], ["'Sales'", "'Sales EMEA'"], ['0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef', $taro], ["'Sales'", "'sales emea'"],
             ['8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159', '4e65d4d6-c16e-4dc2-b2dc-b7a708e21823']);
for (grep { $given[$_] } 0 .. $#given) {
    my ($old, $new) = @{ $given[$_] };
    ok $queries[$_] =~ s/\Q$old\E/$new/, "query $_ asks for $old";
}

sub answer_as {
    my ($role, $query) = @_;
    my @command = $server->psql('-U', $role, '-qAtX', '-F', ' ', '-v', 'ON_ERROR_STOP=1');
    my $done = Scim::Process::run(\@command, input => $query);
    return [sort split /\n/, $done->{out} . $done->{err}];
}
answer_as('postgres', "CREATE ROLE $READER LOGIN IN ROLE scim_reader");
my @answers = (
    ['the accounts', ["$org->{issuer_name}  ADMIN t managed", 'hanako.suzuki@example.com hanako@example.com ADMIN t provisioned',
                      'taro.yamada@example.com taro@example.com ADMIN t provisioned']],
    ['one person', ["$taro ADMIN t"]],
    ['the members of a group by its name', ['taro.yamada@example.com']],
    ['the groups of an account', ['Everybody 4e65d4d6-c16e-4dc2-b2dc-b7a708e21823 indirect',
                                  'Sales EMEA 3d54c3c5-b05d-4cb1-a1cb-a696f7d10712 direct']],
    ['the active accounts in a group', ['taro.yamada@example.com']],
    ['the members of a group', ['Hanako Suzuki User', 'Sales EMEA Group']],
);
for (0 .. $#answers) {
    my ($name, $expected) = @{ $answers[$_] };
    is_deeply answer_as($READER, $queries[$_]), [sort @$expected], $name;
}
done_testing;
