# Queries as clients write them: a parameter twice or empty, names with a
# filter behind them, words without quotation marks, and what a search, a
# PatchOp and a BulkRequest are forgiven.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;

my $SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
my $org = organization(profile => 'open');
my $user = $org->create(userName => 'query@example.com', displayName => "O'Malley", title => 'T', nickName => 'N', externalId => 'urn:example:7',
                        userType => 'true', emails => [{ value => 'w@example.com', type => 'work' }, { value => 'h@example.com', type => 'home' }],
                        x509Certificates => [{ value => 'YQ==' }]);
my @strict = (profile => 'open-strict');

sub keys_of { my ($json) = @_; return join ' ', grep { !/^(?:schemas|id)$/ } sort keys %{ $json || {} } }
sub of_user { my ($query, %o) = @_; return $org->get("/Users/$user->{id}?$query", %o) }

# Twice
is keys_of(of_user('attributes=userName&attributes=displayName')->{json}), 'displayName userName', 'HTTP-34: attributes twice are one list';
is keys_of(of_user('attributes=userName&count=1&attributes=title,nickName', @strict)->{json}), 'nickName title userName', 'HTTP-34: strictly too';
is keys_of(of_user('attributes=&attributes=title')->{json}), 'title', 'HTTP-34: an empty one adds nothing';
ok !grep({ exists of_user('excludedAttributes=title&excludedAttributes=nickName')->{json}{$_} } qw(title nickName)), 'HTTP-34: and excludedAttributes';
my $second = $org->create(title => 'T', nickName => 'M');
for my $path ('/Users', '/Roles', '/') {
    is join('|', map { keys_of($_) } @{ $org->get("$path?attributes=userName&attributes=value")->{json}{Resources} }),
        join('|', map { keys_of($_) } @{ $org->get("$path?attributes=userName,value")->{json}{Resources} }), "HTTP-34: attributes twice at $path";
    is_error($org->get("$path?$_->[0]=$_->[1]&x&$_->[0]=$_->[2]"), 400, $_->[3] // 'invalidValue', "HTTP-34: $_->[0] twice at $path")
        for ['filter', 'id+pr', 'id+pr', 'invalidFilter'], ['count', 1, 1], ['startIndex', 1, 2], ['sortBy', 'id', 'title'], ['sortOrder', 'ascending', ''], ['cursor', '', ''];
}
is_error($org->get('/Groups?filter=displayName+eq+%22a%22&filter=displayName+eq+%22b%22'), 400, 'invalidFilter', 'HTTP-34: a filter of Groups twice');
is_error($org->get('/Users?count=1&count=2', @strict), 400, 'invalidValue', 'HTTP-34: strictly count twice');
like $org->get('/Users?sortBy=title&%73ortBy=userName')->{json}{detail}, qr/'sortBy'/, 'HTTP-34: the detail names the parameter, however it is spelled';
is $org->get('/Users?foo=1&foo=2')->{status}, 200, 'HTTP-34: what nobody knows may come twice';

my $managed = organization();

# The settings page's lists
sub page_of { my ($query) = @_; return $managed->request(GET => '', target => "/organizations/$managed->{key}/api/$query", token => undef,
    headers => { Authorization => 'Basic ' . do { require MIME::Base64; MIME::Base64::encode_base64("$managed->{issuer_name}:x", '') } }) }
is page_of('members?count=1')->{status}, 200, 'the members';
is page_of("$_")->{status}, 400, "twice is once too often: $_" for 'members?count=1&count=2', 'members?search=a&search=b', 'activity?outcome=done&outcome=refused';

done_testing;
