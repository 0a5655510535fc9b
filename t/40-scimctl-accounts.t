# SPDX-License-Identifier: Apache-2.0
# scimctl account: changes of one account.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use JSON::PP ();
use Scim::Process;
use Scim::Test;

my ($program, @db) = server()->scimctl;
my $org = organization();
my $key = $org->{key};

# (exit status, stdout, stderr)
sub scimctl {
    my $done = Scim::Process::run([$program, @db, map { encode_utf8($_) } @_]);
    return ($done->{status}, map { decode_utf8($_) } @$done{qw(out err)});
}
sub out { my ($status, $out, $err) = scimctl(@_); return $status == 0 ? $out : die "@_: $err" }
sub json { return JSON::PP->new->decode(out('--json', @_)) }
sub refused {
    my ($message, $name, @arguments) = @_;
    my $events = event_count($org);
    my ($status, $out, $err) = scimctl(@arguments);
    is $status, 1, "$name: exit status 1";
    like $err, $message, $name;
    is $out, '', "$name: nothing on standard output";
    return is event_count($org), $events, "$name: no event";
}
sub kinds_of {
    my ($id, $of) = @_;
    return [map { $_->[0] =~ s/.*:event:(?:prov:)?//r } sql('SELECT kind FROM scim.event WHERE organization_id = $1 AND account_id = $2 ORDER BY sequence',
                                                            ($of || $org)->{id}, $id)];
}
sub user { my ($id) = @_; return $org->get("/Users/$id")->{json} }

# account set
my $taro = $org->create(userName => 'taro@example.com', displayName => 'Taro Yamada', title => 'Clerk', preferredLanguage => 'ja',
    emails => [{ value => 'taro@example.com', type => 'work' }, { value => 'taro@home.example', type => 'home' }]);
my $id = $taro->{id};
like out('account', 'set', $key, 'TARO@example.com', 'displayName=山田 太郎', 'title=', 'emails[type eq "work"].value=yamada@example.com', 'name.familyName=Yamada',
         'active=False', 'roles=USER', "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department=R & D = research"),
    qr/^displayName +山田 太郎$/m, 'account set changes attributes by the paths of a PATCH, and shows the account';
my $changed = user($id);
is_deeply [@$changed{qw(displayName title active)}], ['山田 太郎', undef, FALSE], 'texts, and truths; an empty value removes the attribute';
is_deeply $changed->{emails}, [{ value => 'yamada@example.com', type => 'work' }, { value => 'taro@home.example', type => 'home' }],
    'an element that a filter chooses, whose equals sign is not the one';
is_deeply [$changed->{roles}[0]{value}, $changed->{name}{familyName}, $changed->{ENT()}{department}], ['USER', 'Yamada', 'R & D = research'],
    'the role, a part, and an attribute of the extension';
is_deeply kinds_of($id), [qw(create:full patch:full deactivate role:user)], 'with the events of a PATCH';
is +(sql('SELECT actor_kind FROM scim.event WHERE organization_id = $1 ORDER BY sequence DESC LIMIT 1', $org->{id}))[0][0], 'operator', 'by the operator';
my $events = event_count($org);
out('account', 'set', $key, $id, 'active=false');
is event_count($org), $events, 'what it has already changes nothing';
like out('account', 'set', $key, $id, 'userName=taro.yamada@example.com'), qr/^userName +taro\.yamada\@example\.com$/m, 'the userName can be set';
is json('account', 'set', $key, $id, 'title=Boss')->{title}, 'Boss', 'with --json the User is printed';
refused(qr/unknown attribute 'titel'/, 'a name that is typed wrong', 'account', 'set', $key, $id, 'displayName=Wrong', 'titel=x');
refused(qr/immutable attribute 'preferredLanguage'/, 'what is set once', 'account', 'set', $key, $id, 'preferredLanguage=en');
refused(qr/unknown role 'BOSS'/, 'an unknown role', 'account', 'set', $key, $id, 'roles=BOSS');
refused(qr/is not ATTRIBUTE=VALUE/, "'$_'", 'account', 'set', $key, $id, $_) for 'title', '=x', 'emails[type eq "a=b"]';
refused(qr/userName 'admin-$key\@example\.com' already/, 'a userName that is taken', 'account', 'set', $key, $id, "userName=$org->{issuer_name}");
refused(qr/userName must be an e-mail address/, 'a userName that is none', 'account', 'set', $key, $id, 'userName=taro');
refused(qr/displayName/, 'a value that is required', 'account', 'set', $key, $id, 'displayName=');
refused(qr/SCIM token that is still valid/, 'the role of the issuer of a token', 'account', 'set', $key, $org->{issuer_name}, 'roles=USER');
refused(qr/no account 'nobody\@example\.com'/, 'an unknown account', 'account', 'set', $key, 'nobody@example.com', 'title=x');
like +(scimctl('account', 'set', $key, $id))[2], qr/ATTRIBUTE=VALUE/, 'without an attribute the usage is wrong';

# account activate, deactivate
like out('account', 'activate', $key, $id), qr/^active +yes$/m, 'account activate';
like out('account', 'deactivate', $key, 'taro.yamada@example.com'), qr/^active +no$/m, 'account deactivate';
is user($id)->{active}, FALSE, 'the account is inactive';
is_deeply [@{ kinds_of($id) }[-4 .. -1]], [qw(patch:full activate patch:full deactivate)], 'both are events';
refused(qr/SCIM token that is still valid/, 'the issuer of a token', 'account', 'deactivate', $key, $org->{issuer_name});
sql('INSERT INTO scim.account (organization_id, user_name, display_name, managed) VALUES ($1, $2, $3, false)', $org->{id}, 'own@example.com', 'Own');
refused(qr/not a Managed Account/, 'an account of its owner', 'account', 'deactivate', $key, 'own@example.com');

# account delete
my $leaver = $org->create(userName => 'leaver@example.com')->{id};
refused(qr/no terminal to ask on.*--yes/, 'account delete without a terminal', 'account', 'delete', $key, $leaver);
is out('account', 'delete', $key, 'Leaver@example.com', '--yes'), "Deleted: leaver\@example.com\n", 'account delete --yes';
is $org->get("/Users/$leaver")->{status}, 404, 'the account is gone';
is_deeply kinds_of($leaver), [qw(create:full delete)], 'which is an event';
refused(qr/no account/, 'an account that is deleted', 'account', 'delete', $key, $leaver, '--yes');
refused(qr/SCIM token that is still valid/, 'the issuer', 'account', 'delete', $key, $org->{issuer_name}, '--yes');
my $seen = Scim::Process::run(['script', '-qec', "$program --db '$db[1]' account delete $key own\@example.com", '/dev/null'], input => "n\n")->{out};
like $seen, qr/Delete the account 'own\@example\.com' of '$key'\? \[y\/N\]/, 'on a terminal it asks';
like $seen, qr/Nothing was done/, 'and takes no for an answer';

done_testing;
