# SPDX-License-Identifier: Apache-2.0
# The texts that clients read in "detail", from the sources in C: the formats that
# scim_error() and scim_error_caused() are given, and the parts of sentences that
# callers fill in.  Values are {}: "Duplicate bulkId '{}'."
#
#   my $details = Scim::Details->new(glob 'httpd/*.c');
#   $details->texts;       # all of them
#   $details->unknown;     # calls whose detail is no text here
package Scim::Details;
use strict;
use warnings;
use utf8;

# Functions whose texts are parts of a detail: those that get them as arguments,
# and those that return them.
my @TAKE = qw(broken_json refuse_json unwelcome unexpected mismatch refuse_as refuse_now no_request);
my @RETURN = qw(detail_of flaw_in scim_text_flaw scim_tokens_check_name shown_place kind_name);

# These pass on what another call made.
my $PASSED_ON = qr/^(?:error->detail|detail_of\(.*)$/s;

my $PARENS;
$PARENS = qr/\((?:[^()]|(??{ $PARENS }))*\)/;
my $TEXT = qr/\x{1}\d+\x{1}/;

# Texts are numbers between U+0001 while the code around them is read.
sub new {
    my ($class, @files) = @_;
    my %macros = (APR_SIZE_T_FMT => 'lu', APR_OFF_T_FMT => 'ld');
    my $self = bless { strings => [], macros => \%macros, code => {}, found => {}, unknown => [] }, $class;
    for my $file (@files) {
        open my $in, '<:utf8', $file or die "$file: $!";
        my $code = do { local $/; <$in> };
        my ($string, $character) = (qr/"(?:[^"\\\n]|\\.)*"/, qr/'(?:[^'\\]|\\.)+'/);
        $code =~ s{($string)|($character)|/\*.*?\*/}{ defined $1 ? $self->hidden($1) : $2 // ' ' }gse;
        $code =~ s/\\\n/ /g;
        $self->{macros}{$1} = $2 while $code =~ /^#define (\w+)[ \t]+(\S.*?)[ \t]*$/mg;
        $self->{macros}{$1} = $2 while $code =~ /^static const char (\w+)\[\]\s*=\s*([^;]+);/mg;
        $self->{code}{$file} = $code;
    }
    $self->read($_) for @files;
    return $self;
}

sub texts { return sort keys %{ $_[0]{found} } }
sub unknown { return @{ $_[0]{unknown} } }

sub hidden {
    my ($self, $string) = @_;
    push @{ $self->{strings} }, $string =~ s/^"|"$//gr =~ s/\\(["\\])/$1/gr;
    return "\x{1}$#{ $self->{strings} }\x{1}";
}

sub read {
    my ($self, $file) = @_;
    my $code = $self->{code}{$file};
    while ($code =~ /(?<![\w*])(scim_error|scim_error_caused)($PARENS)(?=\s*[;:])/g) {
        my ($has_cause, undef, undef, $detail, @values) = ($1 ne 'scim_error', arguments($2));
        my @texts = $self->texts_of($detail);
        push @{ $self->{unknown} }, "$file: $detail" unless @texts || $detail =~ $PASSED_ON;
        $self->add(@texts, $has_cause ? () : grep { / / } map { $self->texts_of($_) } @values);
    }
    for my $name (@TAKE) {
        $self->add(map { $self->texts_of($_) } arguments($1)) while $code =~ /(?<!\*)\b$name($PARENS)(?!\s*\{)/g;
    }
    for my $name (@RETURN) {
        my ($body) = $code =~ /^(?:static )?[\w ]+\*?\Q$name\E$PARENS\n\{(.*?)^\}/ms or next;
        $self->add(map { $self->texts_of($_) } $body =~ /\b(?:return|flaw =) ([^;]*);/g);
    }
    # The tables of errors by SQLSTATE and of literals by kind of comparison.
    $self->add($self->texts_of($1)) while $code =~ /\{ $TEXT, (?:NULL|$TEXT), SCIM_E_\w+,\s*([^{}]+?) \}/g;
    $self->add($self->texts_of($1)) while $code =~ /\[SCIM_COMPARE_\w+\] = \{ [^{},]+,\s*($TEXT) \}/g;
    # The table of warnings.
    $self->add($self->texts_of($1)) while $code =~ /\[SCIM_NOTED_\w+\] = \{[^{}]*,\s*($TEXT(?:\s+(?:$TEXT|[A-Z_]+))*) \}/g;
}

sub add {
    my ($self, @texts) = @_;
    $self->{found}{$_}++ for grep { /[a-z]/ } @texts;
}

# The texts that an expression may be; values in them are {}.
sub texts_of {
    my ($self, $expression) = @_;
    $expression =~ s/^\s+|\s+$//g;
    if ($expression =~ /^((?:[^?:()]|$PARENS)*)\?((?:[^?:()]|$PARENS)*):(.*)$/s) {
        my @either = ($2, $3);
        return map { $self->texts_of($_) } @either;
    }
    if ($expression =~ /^apr_psprintf($PARENS)$/) {
        return $self->texts_of((arguments($1))[1]);
    }
    my $text = '';
    for my $part ($expression =~ /(\x{1}\d+\x{1}|APR_STRINGIFY\(\w+\)|\S+)/g) {
        $text .= $self->string_of($part) // return;
    }
    return $text =~ s/%(?:\.\d+)?(?:\.0f|04X|l?[sduc])/{}/gr;
}

sub string_of {
    my ($self, $part) = @_;
    return $self->{strings}[$1] if $part =~ /^\x{1}(\d+)\x{1}$/;
    return $self->{macros}{$1} if $part =~ /^APR_STRINGIFY\((\w+)\)$/;
    my $value = $self->{macros}{$part} // return;
    return $value if $part =~ /_FMT$/;
    return join '', map { $self->string_of($_) // return } $value =~ /(\x{1}\d+\x{1}|\w+)/g;
}

sub arguments {
    my ($parens) = @_;
    return substr($parens, 1, -1) =~ /\G\s*((?:[^(),]|$PARENS)+)(?:,|$)/g;
}

1;
