# SPDX-License-Identifier: Apache-2.0
# The settings API: access, functions and refusals.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Digest::SHA ();
use MIME::Base64 ();
use Scim::Test;

my $org = organization(language => 'ja-JP');
my $other = organization();

# call($method, $path, body => ..., user => ..., org => ..., headers => {...})
sub call {
    my ($method, $path, %o) = @_;
    my $key = ($o{org} || $org)->{key};
    my $user = exists $o{user} ? $o{user} : ($o{org} || $org)->{issuer_name};
    my %headers = (Authorization => 'Basic ' . MIME::Base64::encode(Encode::encode_utf8("$user:x"), ''),
                   Origin => server()->{url}, 'Content-Type' => 'application/json', %{ $o{headers} || {} });
    my $location = $o{location} || '/organizations';
    my $body = ref $o{body} ? JSON::PP->new->utf8->encode($o{body}) : $o{body};
    my $r = Scim::Test::http()->request($method, "$location/$key/$path",
                                        [map { defined $headers{$_} ? ($_ => $headers{$_}) : () } sort keys %headers], $body);
    $r->{json} = eval { JSON::PP->new->utf8->decode($r->{content}) } if length $r->{content};
    return $r;
}

sub is_refused {
    my ($r, $status, $like, $field, $name) = @_;
    return subtest $name => sub {
        is $r->{status}, $status, "status $status" or diag $r->{content};
        like $r->{headers}{'content-type'}, qr{^application/json}, 'JSON';
        like $r->{json}{message} // '', $like, 'a message for people';
        is $r->{json}{field}, $field, 'at the field';
    };
}

# The door
my $r = call(GET => '');
is $r->{status}, 200, 'an administrator sees the page';
like $r->{headers}{'content-security-policy'}, qr/default-src 'none'; script-src 'self'; style-src 'self'/, 'with a strict Content-Security-Policy';
like $r->{headers}{'content-security-policy'}, qr/frame-ancestors 'none'/, 'which lets no other page frame it';
unlike $r->{content}, qr/<script(?![^>]* src=)|\son\w+=|\sstyle=/, 'and no inline script or style';
unlike $r->{content}, qr{https?://}, 'and no other host';
my $total = 0;
for my $file ('', qw(admin.css admin.js activity.js groups.js guard.js health.js requests.js setup.js undo.js why.js kit.js ja.js icon.svg)) {
    my $got = call(GET => $file);
    is $got->{status}, 200, "file '$file'";
    $total += length $got->{content} if $file ne 'ja.js';
    is call(GET => $file, headers => { 'If-None-Match' => $got->{headers}{etag} })->{status}, 304, 'is not sent twice';
}
cmp_ok $total, '<', 140_000, 'the page is under 140 kB in all, but for the Japanese texts, which are loaded for those who read them';

my $user = $org->create(displayName => '<script>alert(1)</script>', roles => [{ value => 'USER' }]);
my %nobody = ('a USER' => $user->{userName}, 'nobody of the organization' => 'x@example.com',
              'an administrator of another organization' => $other->{issuer_name},
              'a sign-in with control characters' => "a\tb", 'a sign-in with 100 kB' => 'a' x 5000,
              'a sign-in with markup' => '<b>x</b>');
for my $who (sort keys %nobody) {
    my $page = call(GET => '', user => $nobody{$who});
    is $page->{status}, 403, "$who sees a 403 page";
    like $page->{content}, qr/signed in as .* active administrators/s, 'that says so';
    like $page->{content}, qr/administrators \(role ADMIN\) of <strong>$org->{key}</, 'and whom to ask';
    unlike $page->{content}, qr/<a /, 'without a link that would not help';
    unlike $page->{content}, qr/<b>x/, 'text is escaped';
    is_refused(call(GET => 'api/settings', user => $nobody{$who}), 403, qr/./, undef, 'and the API says it in JSON');
}
is call(GET => 'admin.js', user => $user->{userName})->{status}, 403, 'not even the script is for others';
is call(GET => 'api/tokens', headers => { Authorization => undef })->{status}, 401, 'httpd asks for a sign-in';
my $unknown = call(GET => '', org => { key => 'nosuchorganization', issuer_name => $org->{issuer_name} });
my $foreign = call(GET => '', org => { key => $other->{key}, issuer_name => $org->{issuer_name} });
is $unknown->{status}, 403, 'an unknown organization is a 403 page';
is $unknown->{content} =~ s/nosuchorganization/KEY/gr, $foreign->{content} =~ s/$other->{key}/KEY/gr, 'the same as that of any other but for the key that was asked for';
my ($style) = $unknown->{content} =~ m{<style>(.*?)</style>}s;
is $unknown->{headers}{'content-security-policy'}, "default-src 'none'; style-src 'sha256-" . Digest::SHA::sha256_base64($style)
    . "='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", 'its Content-Security-Policy allows its style, and nothing else';
for my $path (qw(api/settings api/tokens api/nothing admin.js nothing)) {
    my ($nowhere, $elsewhere, $left) = map { call(GET => $path, org => { key => $_->[0], issuer_name => $_->[1] }) }
        ['nosuchorganization', $org->{issuer_name}], [$other->{key}, $org->{issuer_name}], [$org->{key}, $user->{userName}];
    is $nowhere->{status}, 403, "$path: 403";
    is $elsewhere->{content} =~ s/$other->{key}/KEY/gr, $nowhere->{content} =~ s/nosuchorganization/KEY/gr, 'whether there is an organization or not';
    is $left->{content}, $nowhere->{content}, 'or only not this role in it' if $path =~ /^api/;
}
my $css = call(GET => 'admin.css')->{content};
my %own = map { $_ => 1 } $css =~ /(--\w+: #\w+);/g;
is_deeply [grep { !$own{$_} } map { s/:/: /r } $style =~ /(--\w+:#\w+)/g], [], 'its colours are those of the settings page';
is call(GET => '', org => { key => '', issuer_name => 'x' })->{status}, 404, 'so is none';
is call(GET => 'nope.txt')->{status}, 404, 'there are no other files';
like call(GET => 'nope.txt')->{content}, qr{<a href="/organizations/$org->{key}/">Back to the settings</a>}, 'and the page for them leads back';
unlike call(GET => '', org => { key => '', issuer_name => 'x' })->{content}, qr/<a /, 'where no organization is named, there is no way back';
is call(GET => "..%2f..%2fetc/passwd")->{status}, 404, 'nor ways out';
my $written = call(POST => '', body => {});
is $written->{status}, 405, 'a page is read, not written';
like $written->{content}, qr/read-only/, 'and says so';
is $written->{headers}{allow}, 'GET, HEAD', 'with what is allowed';

# Settings
$r = call(GET => 'api/settings');
is_deeply [@{ $r->{json} }{qw(key enabled scimUrl singleSignOn)}], [$org->{key}, TRUE, $org->url, undef], 'settings: state and SCIM URL';
is $r->{json}{administrator}{language}, 'ja-JP', "and the administrator's language";
is call(PUT => 'api/settings', body => { enabled => FALSE })->{json}{enabled}, FALSE, 'provisioning is switched off';
is $org->get('/Users')->{status}, 403, 'and that holds at once';
is call(PUT => 'api/settings', body => { enabled => TRUE })->{json}{enabled}, TRUE, 'and on again';
is $org->get('/Users')->{status}, 200, 'at once';
my ($on, $refused, $off) = @{ call(GET => 'api/activity?count=4')->{json}{entries} };
is_deeply [map { @$_{qw(kind actorKind actor)} } $off, $on],
    [map { ("urn:mod_scim:event:provisioning:$_", 'account', $org->{issuer_name}) } qw(disable enable)], 'both are events, the administrator the actor';
is_refused(call(PUT => 'api/settings', body => { enabled => 'yes' }), 400, qr/true or false/, 'enabled', 'a wrong switch');
is_refused(call(PUT => 'api/settings', body => {}), 400, qr/true or false/, 'enabled', 'no switch');
is_refused(call(PUT => 'api/settings', body => { enabled => TRUE }, location => '/sso-organizations'), 403, qr/single sign-on/, 'enabled',
    'SCIMRequireSSO: a password alone does not switch it on');
is call(PUT => 'api/settings', body => { enabled => FALSE }, location => '/sso-organizations')->{status}, 200, 'but off';
call(PUT => 'api/settings', body => { enabled => TRUE });

# Provisioned accounts are read-only where the organization chooses so
is call(GET => 'api/settings')->{json}{provisionedReadOnly}, FALSE, 'provisioned accounts can be edited at first';
is call(PUT => 'api/settings', body => { provisionedReadOnly => TRUE })->{json}{provisionedReadOnly}, TRUE, 'an administrator makes them read-only';
is call(PUT => 'api/settings', body => { provisionedReadOnly => TRUE })->{json}{enabled}, TRUE, 'which is no switch of provisioning';
is_deeply [map { [$_->{actor}, $_->{attributes}, $_->{data}{before}{provisionedReadOnly}, $_->{data}{after}{provisionedReadOnly}] }
           grep { $_->{kind} =~ /organization:change/ } @{ call(GET => 'api/activity?outcome=changed')->{json}{entries} }],
    [[$org->{issuer_name}, ['provisionedReadOnly'], FALSE, TRUE]], 'that is one event, and what changes nothing is none';
is_refused(call(PATCH => "api/members/$user->{id}", body => { displayName => 'x' }), 403, qr/Change it in your identity provider/, undef,
    'a provisioned account is not edited, and the message says where to');
is call(PATCH => "api/members/$org->{issuer}", body => { displayName => 'By hand' })->{status}, 200, 'one that was never provisioned is';
is $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'x' })->{status}, 200, 'and provisioning goes on';
is_refused(call(PUT => 'api/settings', body => { provisionedReadOnly => 'yes' }), 400, qr/true or false/, 'provisionedReadOnly', 'a wrong choice');
is call(GET => 'api/settings', org => $other)->{json}{provisionedReadOnly}, FALSE, 'it is not the choice of another organization';
call(PUT => 'api/settings', body => { provisionedReadOnly => FALSE });
is call(PATCH => "api/members/$user->{id}", body => { displayName => '<script>alert(1)</script>' })->{status}, 200, 'and it is taken back';

# Tokens
$r = call(POST => 'api/tokens', body => { name => 'Entra “ID” & Co' });
is $r->{status}, 201, 'a token is generated';
my $secret = $r->{json}{token};
is $org->get('/Users', token => $secret)->{status}, 200, 'and works';
my ($token) = grep { $_->{id} eq $r->{json}{id} } @{ call(GET => 'api/tokens')->{json}{tokens} };
is_deeply [@$token{qw(name issuer state daysLeft)}], ['Entra “ID” & Co', $org->{issuer_name}, 'valid', 364], 'it is listed with its name and issuer, and ends in a year';
is $token->{expires}, $r->{json}{expires}, 'as the answer said';
ok index($secret, $token->{prefix}) == 0 && length $token->{prefix} < 15, 'and the beginning of it';
ok $token->{lastUsed}, 'and its last use';
is $org->get('/Users')->{status}, 200, 'the token from before lives on: they can be rotated without a gap';
is call(POST => 'api/tokens', body => { name => 'short', expires => '2999-01-01T00:00:00Z' })->{status}, 201, 'a token may have an end';
my %bad = ('empty' => ['', qr/must not be empty/], 'blank' => ['   ', qr/must not be empty/], '10,000 characters' => ['x' x 10_000, qr/not be longer than 100/],
           'markup' => ['<script>alert(1)</script>', qr/must not contain .* < or >/], 'a line break' => ["a\nb", qr/control characters/],
           'an ideographic space' => ["\x{3000}", qr/must not be empty/], 'an em space' => ["\x{2003}", qr/must not be empty/],
           'a no-break space' => ["\x{a0}", qr/must not be empty/], 'a zero width space' => ["\x{200b}", qr/must not be empty/],
           'a byte order mark' => ["\x{feff}", qr/must not be empty/], 'a C1 control' => ["a\x{85}b", qr/control characters/],
           'turned by a bidi control' => ["a\x{202e}b", qr/control characters/],
           'a number' => [42, qr/must be a string/], 'missing' => [undef, qr/must not be empty/]);
for my $kind (sort keys %bad) {
    is_refused(call(POST => 'api/tokens', body => { name => $bad{$kind}[0] }), 400, $bad{$kind}[1], 'name', "a token name that is $kind");
}
is call(POST => 'api/tokens', body => { name => '名' x 100 })->{status}, 201, 'a hundred characters of any script are a name';
is_refused(call(POST => 'api/tokens', body => { name => 'x', expires => '2001-01-01T00:00:00Z' }), 400, qr/in the future/, 'expires', 'a token that has ended');
is_refused(call(POST => 'api/tokens', body => { name => 'x', expires => 'tomorrow' }), 400, qr/must be a date and time/, 'expires', 'an end that is not a date');
is call(DELETE => "api/tokens/$token->{id}")->{status}, 204, 'a token is deleted';
is $org->get('/Users', token => $secret)->{status}, 401, 'and refused from the next request on';
is_refused(call(DELETE => "api/tokens/$token->{id}"), 404, qr/no token with this id/, undef, 'a token that is gone is a message');
is_refused(call(DELETE => 'api/tokens/nonsense'), 404, qr/no token/, undef, 'so is nonsense');
is_refused(call(DELETE => "api/tokens/$other->{token_id}"), 404, qr/no token/, undef, "and another organization's");
is $other->get('/Users')->{status}, 200, 'which still works';

# Cross-site
my %cross = ('from another site' => { Origin => 'https://evil.example' }, 'without an origin' => { Origin => undef },
             'from a page without one' => { Origin => 'null' }, 'from a subdomain alike' => { Origin => 'http://127.0.0.1.evil.example' },
             'of no scheme of a browser' => { Origin => server()->{url} =~ s/^http/ftp/r }, 'from another port' => { Origin => 'http://127.0.0.1:1' }, 'that the browser calls cross-site' => { 'Sec-Fetch-Site' => 'cross-site' },
             'that the browser calls same-site' => { 'Sec-Fetch-Site' => 'same-site' });
my $before = event_count($org);
for my $from (sort keys %cross) {
    is_refused(call(PUT => 'api/settings', body => { enabled => FALSE }, headers => $cross{$from}), 403, qr/must come from the settings page/, undef, "a write $from");
    is_refused(call(POST => 'api/tokens', body => { name => 'x' }, headers => $cross{$from}), 403, qr/must come/, undef, "a token $from");
    is_refused(call(DELETE => "api/tokens/$org->{token_id}", headers => $cross{$from}), 403, qr/must come/, undef, "a deletion $from");
}
is event_count($org), $before, 'nothing of that was done';
for my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', undef) {
    is call(POST => 'api/tokens', body => '{"name":"x"}', headers => { 'Content-Type' => $type })->{status}, 415, 'a body that a form can send is refused: ' . ($type // 'no type');
}
is_refused(call(POST => 'api/tokens', body => '{"name"'), 400, qr/./, undef, 'broken JSON');
is_refused(call(POST => 'api/tokens', body => '[]'), 400, qr/JSON object/, undef, 'a list');
is_refused(call(POST => 'api/tokens', body => { name => 'x' x 100_000 }), 413, qr/larger/, undef, 'a body that is too large');
is_refused(call(POST => 'api/members', body => {}), 405, qr/GET/, undef, 'a method that is not offered');
is_refused(call(GET => 'api/nothing'), 404, qr/nothing at this address/, undef, 'an address that is not there');

# Members
my %member;
sub insert {
    my ($name, $columns) = @_;
    my $sql = sprintf 'INSERT INTO scim.account (organization_id, user_name, display_name, %s) VALUES ($1, $2, $3, %s) RETURNING id',
        join(', ', sort keys %$columns), join(', ', map { "'$columns->{$_}'" } sort keys %$columns);
    $member{$name} = (sql($sql, $org->{id}, "$name\@example.com", ucfirst $name))[0][0];
}
insert(old => { role => 'USER' });
insert(waiting => { role => 'USER', sync_eligible => 'false' });
insert(own => { role => 'GUEST', managed => 'false' });
insert(left => { role => 'USER', active => 'false', attributes => '{"emails":[{"value":"home@x"},{"value":"work@x","primary":true}],"name":{"familyName":"Yamada","givenName":"Taro"}}', external_id => 'AbC' });
sub names { my ($query) = @_; return [map { $_->{userName} =~ /^(\w+)/ } @{ call(GET => "api/members$query")->{json}{members} }] }
my $me = 'admin';
my ($provisioned) = $user->{userName} =~ /^(\w+)/;
is_deeply names(''), [sort $me, $provisioned, qw(old waiting own left)], 'all members, by userName';
is_deeply names('?label=provisioned'), [$provisioned], 'Provisioned Managed Accounts';
is_deeply names('?label=managed'), [qw(admin left old)], 'Managed Accounts that are not provisioned';
is_deeply names('?label=ineligible'), ['waiting'], 'those that are not eligible';
is_deeply names('?label=unmanaged'), ['own'], 'unmanaged ones';
is_deeply names('?active=false'), ['left'], 'inactive ones';
is_deeply names('?role=GUEST'), ['own'], 'by role';
is_deeply names('?role=USER&active=true&label=managed'), ['old'], 'and all of it together';
is_deeply names('?search=WAIT'), ['waiting'], 'search: the beginning of a userName in any case';
is_deeply names('?search=%3Cscript'), [$provisioned], 'of a displayName';
is_deeply names('?search=yamada'), ['left'], 'a family name';
is_deeply names('?search=TARO'), ['left'], 'a given name';
is_deeply names('?search=AbC'), ['left'], 'an externalId';
is_deeply names('?search=abc'), [], 'which is case-exact';
is_deeply names("?search=$member{own}"), ['own'], 'an id';
is_deeply names('?search=WORK%40x'), ['left'], 'the e-mail address that is shown';
is_deeply names('?search=home%40x'), ['left'], 'and another one';
is_deeply names("?search=work"), ["left"], "and a part of it";
is_deeply names('?search=%20yamada%E3%80%80'), ['left'], 'blanks around it do not count';
is_deeply names('?search=%20'), names(''), 'nor alone';
is_deeply names('?search=yamada&active=true'), [], 'search and choice together';
is_deeply names('?search=%25'), [], 'no character is special';
is call(GET => 'api/members?search=left')->{json}{members}[0]{email}, 'work@x', 'the primary e-mail is shown';
my (@walked, $cursor);
do {
    my $page = call(GET => 'api/members?count=2' . (defined $cursor ? '&cursor=' . uri($cursor) : ''))->{json};
    push @walked, map { $_->{userName} =~ /^(\w+)/ } @{ $page->{members} };
    $cursor = $page->{next};
} while defined $cursor;
is_deeply \@walked, [sort $me, $provisioned, qw(old waiting own left)], 'pages by cursor show everybody once';
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
      SELECT $1, 'found' || n || '@example.org', CASE WHEN n % 2 = 0 THEN 'Zander ' || n END,
             CASE WHEN n % 2 = 1 THEN '{"name":{"familyName":"Zander"}}'::jsonb ELSE '{}' END FROM generate_series(1, 9) n}, $other->{id});
for my $search (qw(zander found)) {
    my (@found, $at);
    do {
        my $page = call(GET => "api/members?count=2&search=$search" . (defined $at ? '&cursor=' . uri($at) : ''), org => $other)->{json};
        push @found, map { $_->{userName} =~ /(\d)\@/ } @{ $page->{members} };
        $at = $page->{next};
    } while defined $at && @found < 20;
    is_deeply \@found, [1 .. 9], "a search for $search has pages, too";
}
is_deeply call(GET => 'api/counts')->{json}, { seats => 5, inactive => 1, roles => { ADMIN => 1, USER => 3, GUEST => 1 },
    labels => { provisioned => 1, managed => 2, ineligible => 1, unmanaged => 1 } }, 'seats: who is inactive does not count';
for my $query (qw(role=KING label=x active=maybe count=0 count=abc count=100000 search=%FF)) {
    is_refused(call(GET => "api/members?$query"), 400, qr/./, undef, "members?$query");
}
is call(GET => 'api/members?search=' . uri('漢' x 200))->{status}, 200, 'a search of 200 characters and 600 bytes';
is_refused(call(GET => 'api/members?search=' . 'x' x 300), 400, qr/too long/, undef, 'a search that is too long');

$r = call(GET => "api/members/$user->{id}");
is $r->{json}{user}{displayName}, '<script>alert(1)</script>', 'a member opens to the attributes';
is $r->{json}{label}, 'provisioned', 'and the label';
is_refused(call(GET => "api/members/$other->{issuer}"), 404, qr/no such account/, undef, "another organization's account is not there");
is_refused(call(GET => 'api/members/x'), 404, qr/no such account/, undef, 'nor is nonsense');

# Edits
my $id = $member{waiting};
is $org->patch_ops($id, { op => 'replace', path => 'title', value => 'x' })->{status}, 403, 'provisioning may not change an account that is not eligible';
is call(PATCH => "api/members/$id", body => { eligible => TRUE })->{json}{label}, 'managed', 'it is made eligible';
is call(PATCH => "api/members/$id", body => { eligible => TRUE })->{status}, 200, 'twice does no harm';
is $org->patch_ops($id, { op => 'replace', path => 'title', value => 'x' })->{status}, 200, 'and now provisioning may';
is_deeply [map { $_->{kind} =~ s/.*event://r } grep { $_->{actorKind} eq 'account' } @{ call(GET => "api/activity?account=$id")->{json}{entries} }],
    ['account:eligible'], 'one event, by the administrator';
sql('UPDATE scim.account SET sync_eligible = false, provisioned_at = NULL WHERE id = $1', $id);
$r = call(PATCH => "api/members/$id", body => { displayName => 'Edited', role => 'GUEST', active => FALSE });
is_deeply [@{ $r->{json} }{qw(displayName role active label)}], ['Edited', 'GUEST', FALSE, 'managed'], 'an edit, after which the account is eligible, and not provisioned';
is_deeply [map { $_->{kind} =~ s/.*event://r } @{ call(GET => "api/activity?account=$id&count=3")->{json}{entries} }],
    ['role:guest', 'prov:deactivate', 'prov:patch:full'], 'the events of the edit';
is_deeply [map { $_->{kind} =~ s/.*event://r } @{ call(GET => "api/activity?account=$id&outcome=guest")->{json}{entries} }], ['role:guest'], 'by account and outcome';
is scalar(@{ call(GET => "api/activity?account=%20$id%20&outcome=guest")->{json}{entries} }), 1, 'blanks around the account do not count';
is_deeply [map { $_->{status} } @{ call(GET => "api/activity?account=$id&outcome=refused")->{json}{entries} }], [403], 'why was she not provisioned: the refused request';
is_refused(call(PATCH => "api/members/$member{own}", body => { displayName => 'x' }), 403, qr/not a Managed Account/, undef, 'an unmanaged account cannot be touched');
is_refused(call(PATCH => "api/members/$member{own}", body => { eligible => TRUE }), 403, qr/not a Managed Account/, undef, 'nor made eligible');
is_refused(call(PATCH => "api/members/$id", body => { role => 'KING' }), 400, qr/ADMIN, USER or GUEST/, 'role', 'a role that is none');
is_refused(call(PATCH => "api/members/$id", body => { displayName => '' }), 400, qr/empty/, 'displayName', 'an empty name');
is_refused(call(PATCH => "api/members/$id", body => { displayName => " \x{3000}\x{200b}" }), 400, qr/empty/, 'displayName', 'a name of blanks');
is_refused(call(PATCH => "api/members/$id", body => { displayName => $_ }), 400, qr/control characters/, 'displayName', 'a name with control characters')
    for "a\x{1b}", "a\x{85}", "a\x{202e}b";
is_refused(call(PATCH => "api/members/$id", body => { displayName => 'x' x 10_000 }), 400, qr/longer than 256/, 'displayName', 'a name of 10,000 characters');
is_refused(call(PATCH => "api/members/$id", body => { active => 'x' }), 400, qr/true or false/, 'active', 'a state that is none');
is_refused(call(PATCH => "api/members/$id", body => { eligible => FALSE }), 400, qr/only become/, 'eligible', 'eligible is not taken back');
is_refused(call(PATCH => "api/members/$id", body => { id => 'x' }), 400, qr/cannot be changed/, undef, 'a member that cannot be edited');
is_refused(call(PATCH => "api/members/$other->{issuer}", body => { displayName => 'x' }), 404, qr/no such account|no User/, undef, "another organization's account");
is_refused(call(PATCH => "api/members/$org->{issuer}", body => { role => 'USER' }), 403, qr/from yourself/, 'role', 'nobody takes ADMIN from himself');
is_refused(call(PATCH => "api/members/$org->{issuer}", body => { active => FALSE }), 403, qr/deactivate yourself/, 'active', 'or deactivates himself');
my $provisioned_at = (sql('SELECT provisioned_at FROM scim.account WHERE id = $1', $user->{id}))[0][0];
call(PATCH => "api/members/$user->{id}", body => { displayName => 'By hand' });
is +(sql('SELECT provisioned_at FROM scim.account WHERE id = $1', $user->{id}))[0][0], $provisioned_at, 'an edit by hand is not provisioning';

# The rule of the token's issuer, and a former administrator
my $second = $org->create(roles => [{ value => 'ADMIN' }]);
my $made = call(POST => 'api/tokens', body => { name => 'of the second' }, user => $second->{userName});
is $made->{status}, 201, 'the second administrator generates a token';
is_refused(call(PATCH => "api/members/$second->{id}", body => { role => 'USER' }), 403, qr/token/, undef, "and stays ADMIN while it lives, also here");
sql('UPDATE scim.account SET sync_eligible = false WHERE id = $1', $second->{id});
is_refused(call(PATCH => "api/members/$second->{id}", body => { eligible => TRUE, role => 'USER' }), 403, qr/token/, undef, 'a change of several things that is refused');
is call(GET => "api/members/$second->{id}")->{json}{label}, 'ineligible', 'has changed none of them';
my $both = call(PATCH => "api/members/$second->{id}", body => { eligible => TRUE, displayName => 'Second' });
isnt $both->{json}{label}, 'ineligible', 'one that is not refused';
is $both->{json}{displayName}, 'Second', 'changes all of them';
call(DELETE => "api/tokens/$made->{json}{id}", user => $second->{userName});
is call(GET => 'api/settings', user => $second->{userName})->{status}, 200, 'she is an administrator';
$org->patch_ops($second->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'USER' });
is_refused(call(POST => 'api/tokens', body => { name => 'x' }, user => $second->{userName}), 403, qr/not an active administrator/, undef, 'and a moment later she is none');
$org->patch_ops($second->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'ADMIN' });
sql('UPDATE scim.account SET active = false WHERE id = $1', $second->{id});
is call(GET => '', user => $second->{userName})->{status}, 403, 'nor is who is deactivated';

ok !grep({ /SCIM0001.*\Q$secret/ } error_log()), 'SEC-04: no token in the log';
done_testing;
