# SPDX-License-Identifier: Apache-2.0
# Rows that applications write with SQL: a value that could not be read back is
# refused with a message; an unreadable old row does not hide others; and an error
# names its cause.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

own_server();           # its tables are changed

my $org = organization();
sub fails { my (@statement) = @_; return eval { sql(@statement); 1 } ? '' : $@ }
sub log_since { my ($start) = @_; return substr Scim::Test::error_log(), $start }
sub deep { my ($levels) = @_; return '{"x":' x $levels . '1' . '}' x $levels }

# Refused at the write
my %bad = (
    'a member twice in different case' => '{"title":"a","Title":"b"}',
    'one in a sub-attribute' => '{"name":{"givenName":"a","GIVENNAME":"b"}}',
    'one in an element' => '{"emails":[{"value":"a","Value":"b"}]}',
    'a number beyond 2^53' => '{"x":9007199254740993}',
    'one in a list' => '{"x":[1,-9007199254740993]}',
    'a number of many digits' => '{"x":0.' . '1' x 70 . '}',
    'a number of 300 digits' => '{"x":1e300}',
    'seventeen levels' => deep(17),
);
my $user = $org->create(title => 'before');
for my $what (sort keys %bad) {
    like fails('INSERT INTO scim.account (organization_id, user_name, attributes) VALUES ($1, $2, $3)', $org->{id}, user_name(), $bad{$what}),
        qr/attributes must not have/, "INSERT with $what is refused with a sentence";
    like fails('UPDATE scim.account SET attributes = attributes || $2 WHERE id = $1', $user->{id}, $bad{$what}), qr/attributes must not have/, 'and UPDATE';
}
for my $good (deep(16), '{"x":9007199254740992,"y":-0.5,"z":[{"a":1},{"A":2}]}', '{"title":"x"}') {
    is fails('INSERT INTO scim.account (organization_id, user_name, attributes) VALUES ($1, $2, $3)', $org->{id}, user_name(), $good), '', 'attributes that can be read back are accepted';
}
is $org->get('/Users')->{status}, 200, 'and read';

# There already
my $old = organization();
my @before = map { $old->create } 1 .. 3;
sub spoil {
    my ($account, $attributes) = @_;
    sql_unchecked('UPDATE scim.account SET attributes = attributes || $2, version = version + 1 WHERE id = $1', $account->{id}, $attributes);
}
for my $what (sort keys %bad) {
    my $account = $old->create(displayName => $what);
    spoil($account, $bad{$what});
    my $r = $old->get("/Users/$account->{id}");
    is $r->{status}, 200, "an account with $what is read" or diag $r->{content};
    is $r->{json}{displayName}, $what, 'as far as the schema knows it';
    is $old->get('/Users')->{status}, 200, 'and hides nobody';
    is $old->patch_ops($account->{id}, { op => 'replace', path => 'active', value => FALSE })->{json}{active}, FALSE, 'it can be deactivated' unless $what =~ /2\^53|in a list|digits/;
}
my $count = $old->get('/Users?count=0')->{json}{totalResults};
my $unreadable = $old->create;
spoil($unreadable, deep(1200));
for my $path ('/Users', '/Users?sortBy=userName', '/Users?cursor', '/Users?filter=userName%20pr', '/') {
    my $start = length Scim::Test::error_log();
    my $r = $old->get($path);
    is $r->{status}, 200, "one that nobody can read does not fail $path" or diag $r->{content};
    is_deeply [grep { $_->{id} eq $unreadable->{id} } @{ $r->{json}{Resources} }], [], 'which leaves it out';
    cmp_ok scalar(grep { ($_->{meta}{resourceType} // '') eq 'User' } @{ $r->{json}{Resources} }), '>=', $count, 'and has the others';
    like log_since($start), qr/scim:error\].*left out of the list: the attributes of account $unreadable->{id}/, 'the log says which';
}
is $old->post('/Users/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'] })->{status}, 200, 'nor a search';
{
    my $start = length Scim::Test::error_log();
    my $r = $old->get("/Users/$unreadable->{id}");
    is_error($r, 500, undef, 'asked for itself it is an error of the server');
    unlike $r->{content}, qr/JSON|body/, 'that speaks of no body';
    like log_since($start), qr/the attributes of account $unreadable->{id} cannot be read/, 'the log has its id';
    my $done = Scim::Process::run([server()->scimctl('account', 'list', $old->{key})]);
    my $said = $done->{out} . $done->{err};
    like $said, qr/left out of the list: the attributes of account $unreadable->{id}/, 'scimctl says so, too';
    like $said, qr/\Q$before[0]{userName}\E/, 'and lists the others';
}

# Their values are also in the events, where they must not hide other events.
{
    my $busy = organization();
    my %stored = ('forty levels' => deep(40), 'the most levels' => deep(16), map { $_ => $bad{$_} } keys %bad);
    for my $what (sort keys %stored) {
        my $account = $busy->create(roles => [{ value => 'ADMIN' }]);
        spoil($account, $stored{$what});
        is $busy->patch_ops($account->{id}, { op => 'replace', path => 'active', value => FALSE })->{status}, 200, "an account with $what is deactivated";
        is $busy->delete("/Users/$account->{id}")->{status}, 204, 'and deleted';
    }
    my $last = $busy->create;
    for my $command (['events', $busy->{key}], ['activity', 'list', $busy->{key}]) {
        my $done = Scim::Process::run([server()->scimctl(@$command)]);
        is $done->{status}, 0, "scimctl @$command[0] shows what happened to them" or diag $done->{err};
        like $done->{out}, qr/\Q$last->{userName}\E/, 'and to others';
    }
    my $r = Scim::Test::http()->request(GET => "/organizations/$busy->{key}/api/activity",
        [Authorization => 'Basic ' . MIME::Base64::encode("$busy->{issuer_name}:x", '')]);
    is $r->{status}, 200, 'and so does the settings page' or diag $r->{content};
    like $r->{content}, qr/\Q$last->{userName}\E/, 'to the last one';
}

# In shapes that no client could have sent
my $odd = organization();
my $shapes = $odd->create(nickName => 'n');
spoil($shapes, '{"emails":"a@example.com","title":5,"name":[],"phoneNumbers":[{"value":7,"type":"x"},"y",{"value":"1"}],"addresses":{"locality":"l"},"' . ENT . '":"x","other":{"z":1}}');
my $r = $odd->get("/Users/$shapes->{id}");
is $r->{status}, 200, 'an account whose values have other types is read';
is_deeply [grep { exists $r->{json}{$_} } qw(emails title name addresses other), ENT], [], 'without them';
is_deeply $r->{json}{phoneNumbers}, [{ type => 'x' }, { value => '1' }], 'and with what fits';
$r = $odd->patch_ops($shapes->{id}, { op => 'add', path => 'emails[type eq "work"].value', value => 'b@example.com' }, { op => 'add', path => 'name.givenName', value => 'g' },
                     { op => 'add', path => ENT . ':department', value => 'd' }, { op => 'replace', path => 'title', value => 't' });
is $r->{status}, 200, 'a PATCH puts right ones in their places' or diag $r->{content};
is_deeply [@{ $r->{json} }{qw(emails name title)}, $r->{json}{ +ENT }], [[{ type => 'work', value => 'b@example.com' }], { givenName => 'g' }, 't', { department => 'd' }], 'which are read';
{
    my $account = $odd->create;
    sql('UPDATE scim.account SET attributes = attributes || $2 WHERE id = $1', $account->{id},
        '{"Title":"t","NAME":{"GivenName":"g"},"Emails":[{"Value":"a@example.com"}],"' . uc(ENT) . '":{"Department":"d"},"ACTIVE":false,"UserName":"other"}');
    my $expected = { title => 't', name => { givenName => 'g' }, emails => [{ value => 'a@example.com' }], ENT() => { department => 'd' }, active => TRUE, userName => $account->{userName} };
    is_user($odd->get("/Users/$account->{id}"), 200, $expected, 'names in another case are those of the schema');
    is_user($odd->patch_ops($account->{id}, { op => 'replace', path => 'title', value => 'new' }, { op => 'add', path => 'name.familyName', value => 'f' },
                            { op => 'replace', path => ENT . ':division', value => 'v' }), 200,
            { %$expected, title => 'new', name => { givenName => 'g', familyName => 'f' }, ENT() => { department => 'd', division => 'v' } }, 'for a PATCH as well');
    is_list($odd->filter('title eq "new"'), [$account->{userName}], 'which leaves them as the schema has them');
}
is +(sql(q{SELECT attributes ->> 'other' FROM scim.account WHERE id = $1}, $shapes->{id}))[0][0], '{"z": 1}', 'members that are not of the schema are kept';

# Values that would be refused from a client today are kept, and the account can be
# deactivated.
{
    my $long = 'x' x 600;
    my %columns = ('a displayName of 600 characters' => "display_name = '$long'", 'no displayName' => 'display_name = NULL',
                   'an externalId of 600 characters' => "external_id = '$long'", 'a timezone of 600 characters' => "timezone = '$long'");
    my %documents = ('two primary e-mails' => [map { { value => "$_\@example.com", primary => TRUE } } 1, 2], '1,001 e-mails' => [map { { value => "$_\@example.com" } } 1 .. 1001]);
    for my $what (sort keys %columns, keys %documents) {
        my $account = $odd->create(title => 'before');
        sql("UPDATE scim.account SET $columns{$what} WHERE id = \$1", $account->{id}) if $columns{$what};
        sql('UPDATE scim.account SET attributes = attributes || $2 WHERE id = $1', $account->{id}, JSON::PP->new->encode({ emails => $documents{$what} })) if $documents{$what};
        my $r = $odd->patch_ops($account->{id}, { op => 'Replace', path => 'active', value => 'False' }, { op => 'replace', path => 'title', value => 't' });
        is $r->{status}, 200, "an account with $what is deactivated" or diag $r->{content};
        is_deeply [@{ $r->{json} }{qw(active title)}], [FALSE, 't'], 'and changed otherwise';
        is scalar @{ $r->{json}{emails} || [] }, scalar @{ $documents{$what} || [] }, 'and keeps what it has';
    }
    my $account = $odd->create;
    is_error($odd->patch_ops($account->{id}, { op => 'replace', path => 'externalId', value => $long }), 400, 'invalidValue', 'a client cannot send such');
    is_error($odd->patch_ops($account->{id}, { op => 'add', path => 'emails', value => $documents{'two primary e-mails'} }), 400, 'invalidValue', 'nor such');
}

# The role column and attributes.roles always agree, in whatever form one is written.
{
    my $both = organization();
    my %roles = ('a string' => ['"USER"', 'ADMIN'], 'null' => ['null', 'ADMIN'], 'an object' => ['{"value":"USER"}', 'ADMIN'], 'an empty list' => ['[]', 'GUEST'],
        'a list of null' => ['[null]', 'GUEST'], 'one in lower case' => ['[{"value":"user"}]', 'USER'], 'an unknown one' => ['[{"value":"BOSS"}]', 'ADMIN'],
        'two' => ['[{"value":"USER"},{"value":"GUEST"}]', 'USER'], 'two, one of them primary' => ['[{"value":"GUEST"},{"value":"USER","primary":true}]', 'USER']);
    for my $form (sort keys %roles) {
        my ($written, $role) = @{ $roles{$form} };
        my $account = $both->create(roles => [{ value => 'ADMIN' }]);
        sql(q{UPDATE scim.account SET attributes = attributes || jsonb_build_object('roles', $2::jsonb) WHERE id = $1}, $account->{id}, $written);
        is +(sql('SELECT role FROM scim.account WHERE id = $1', $account->{id}))[0][0], $role, "an ADMIN whose roles SQL makes $form is $role";
        my $r = $both->patch_ops($account->{id}, { op => 'replace', path => 'nickName', value => 'n' });
        is_deeply [map { $_->{value} } @{ $r->{json}{roles} }], [$role], 'for a client as well';
        is +(sql('SELECT role FROM scim.account WHERE id = $1', $account->{id}))[0][0], $role, 'which changes nothing of it by changing something else';
    }
    for my $form (sort keys %roles) {
        my ($id) = @{ (sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role, attributes) VALUES ($1, $2, 'x', 'ADMIN', jsonb_build_object('roles', $3::jsonb)) RETURNING id},
            $both->{id}, user_name(), $roles{$form}[0]))[0] };
        is_deeply $both->get("/Users/$id")->{json}{roles}, [{ value => 'ADMIN', primary => TRUE }], "one whom SQL makes ADMIN, with roles that are $form, is one";
        is_list($both->filter(qq(roles.value eq "ADMIN" and id eq "$id")), [$both->get("/Users/$id")->{json}{userName}], 'and found as one');
    }
    my $account = $both->create(roles => [{ value => 'ADMIN' }]);
    sql_unchecked(q{UPDATE scim.account SET attributes = attributes || '{"roles":[]}' WHERE id = $1}, $account->{id});
    is_deeply $both->get("/Users/$account->{id}")->{json}{roles}, [{ value => 'ADMIN', primary => TRUE }], 'an ADMIN of old without roles is one';
    is $both->patch_ops($account->{id}, { op => 'replace', path => 'nickName', value => 'n' })->{json}{roles}[0]{value}, 'ADMIN', 'and stays one';
    like fails(q{UPDATE scim.account SET attributes = attributes || '{"roles":[]}' WHERE id = $1}, $both->{issuer}), qr/has issued a SCIM token/, 'a token issuer loses no role this way either';
}

# Errors name the right cause
{
    my $behind = organization();
    $behind->create;
    my $last = (sql('SELECT max(sequence) FROM scim.event WHERE organization_id = $1', $behind->{id}))[0][0];
    my $start = length Scim::Test::error_log();
    my $taken = $behind->create;
    sql('INSERT INTO scim.event (organization_id, sequence, kind, actor_kind, actor_name) OVERRIDING SYSTEM VALUE'
        . q{ SELECT $1, s.last_value + n, 'test', 'operator', 'x' FROM scim.event_sequence_seq s, generate_series(1, 400) n}, $behind->{id});
    my @answers = map { $behind->post('/Users', { userName => user_name(), displayName => 'x' }) } 1 .. 3;
    is_deeply [grep { $_->{status} == 409 } @answers], [], 'a sequence behind its table is not reported as a taken userName';
    is $answers[0]{status}, 500, 'but an error of the server';
    like log_since($start), qr/SQLSTATE 23505.*event_pkey/, 'the log names the constraint';
    sql('DELETE FROM scim.event WHERE organization_id = $1 AND kind = $2', $behind->{id}, 'test');
}
{
    sql(q{ALTER TABLE scim.account ADD CONSTRAINT short_title CHECK (length(attributes ->> 'title') < 3) NOT VALID});
    my $refused = $org->post('/Users', { userName => user_name(), displayName => 'x', title => 'long' });
    sql('ALTER TABLE scim.account DROP CONSTRAINT short_title');
    is_error($refused, 400, 'invalidValue', "a value that an operator's own constraint refuses");
    like $refused->{json}{detail}, qr/violates the constraint 'short_title'/, 'is told by the name of the constraint';
}
{
    my $start = length Scim::Test::error_log();
    sql('ALTER TABLE scim.refusal ADD CONSTRAINT refusal_full CHECK (false) NOT VALID');
    my $refused = $org->post('/Users', { userName => 'no address', displayName => 'x' });
    sql('ALTER TABLE scim.refusal DROP CONSTRAINT refusal_full');
    is_error($refused, 400, 'invalidValue', 'a refusal that cannot be kept is one to its client all the same');
    my $log = log_since($start);
    unlike $log, qr/500 for POST/, 'the log speaks of no 500';
    like $log, qr/was refused, but Activity does not show it. Cause: SQLSTATE 23514.*refusal_full/, 'but says what went wrong';
}
done_testing;
