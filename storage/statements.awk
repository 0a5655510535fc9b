# SPDX-License-Identifier: Apache-2.0
# statements.sql as C or as SQL, on standard output; "to" says what:
#
#   ids     the enum of the texts, the enums of the columns, and the numbers that C
#           needs, too
#   texts   the table of the texts, in the enum's order, and the fragments without
#           arguments as macros
#   psql    PREPARE for each statement
#   before  PREPARE for each statement that there is before this version, with its
#           text for those tables
#   shards  PREPARE for each statement that runs on a shard, with pg_temp.delegate
#
# The texts for the tables of this version come first, under the names of the
# statements; then those that differ before it, under the name and _BEFORE_ with
# the version; then calls of those that run on a shard, under the name and _ON_SHARD.
#
# Texts are put on one line, without comments, so that PostgreSQL's log is
# easily read.

function fail(what) {
    if (!failed) {
        sub(SUBSEP, " ", current)
        print FILENAME ": " current ": " what > "/dev/stderr"
    }
    failed = 1
    exit 1
}

# What text begins with: a quoted text, a comment, the use of a fragment, a
# parameter, or anything in between.
function token_of(text) {
    match(text, /^('[^']*'|"[^"]*"|--.*|::|:[a-z_]+|[$][0-9]+|[^'":$(),;-]+|.)/)
    return substr(text, 1, RLENGTH)
}

# One blank where there are many, none inside of parentheses; token may be what
# was put in, which has been joined before.
function joined(text, token) {
    if (token !~ /['"]/) {
        gsub(/[ \t]+/, " ", token)
    }
    if (text == "" || text ~ /[ (]$/) {
        sub(/^ /, "", token)
    }
    if (token ~ /^[),;]/) {
        sub(/ $/, "", text)
    }
    return text token
}

function trimmed(text) {
    sub(/^[ \t]+/, "", text)
    sub(/[ \t]+$/, "", text)
    return text
}

# A line of SQL without its comment.
function sql_of(line,    sql, token) {
    while (line != "") {
        token = token_of(line)
        line = substr(line, length(token) + 1)
        if (token ~ /^--/) {
            break
        }
        if (token == "'" || token == "\"") {
            fail("a quoted text ends on its line")
        }
        sql = sql token
    }
    return sql
}

# The length of the arguments that text begins with, and of their parentheses.
function length_of_arguments(text,    depth, token, at) {
    do {
        token = token_of(substr(text, at + 1))
        at += length(token)
        depth += (token == "(") - (token == ")")
    } while (depth > 0 && at < length(text))
    if (depth != 0 || at < 2) {
        fail("arguments are missing")
    }
    return at
}

# text, which is the arguments of a fragment, into values by its names.
function read_arguments(values, fragment, text,    names, count, i, depth, token) {
    count = split(parameters[fragment], names, / *, */)
    for (i = 1; i <= count; i++) {
        values[names[i]] = ""
    }
    for (i = 1; text != ""; ) {
        token = token_of(text)
        text = substr(text, length(token) + 1)
        depth += (token == "(") - (token == ")")
        if (token == "," && depth == 0 && i < count) {
            i++
        }
        else {
            values[names[i]] = joined(values[names[i]], token)
        }
    }
    for (i = 1; i <= count; i++) {
        values[names[i]] = trimmed(values[names[i]])
        if (values[names[i]] == "") {
            fail(":" fragment " has " count " arguments")
        }
    }
}

# The text columns of a list, as names, as parameters from $n on, as arrays of
# these, or as settings by parameters or by the columns of a row.
function text_columns(list, kind, of,    i, name, value, text) {
    for (i = 1; i <= text_count[list]; i++) {
        name = text_column[list, i]
        value = of ~ /^[$]/ ? "$" (substr(of, 2) + i - 1) : of "." name
        text = text (i > 1 ? ", " : "") \
            (kind == "texts" ? name : kind == "values" ? value : \
             kind == "arrays" ? value "::text[]" : name " = " value)
    }
    return text
}

# What there is under a name, for the tables that texts are made for.
function body_of(name) {
    return is_before && (name, "before") in body ? body[name, "before"] : body[name]
}

# The text that a fragment is replaced by.
function applied(fragment, arguments,    values) {
    if (fragment in text_kind) {
        return text_columns(text_list[fragment], text_kind[fragment], arguments)
    }
    read_arguments(values, fragment, arguments)
    return expanded(body_of(fragment), values)
}

# text with values and fragments put in.
function expanded(text, values,    sql, token, name, arguments) {
    while (text != "") {
        token = token_of(text)
        text = substr(text, length(token) + 1)
        if (token ~ /^:[a-z_]/) {
            name = substr(token, 2)
            if (name in values) {
                token = values[name]
            }
            else if (!(name in parameters)) {
                fail("there is no fragment " name)
            }
            else {
                arguments = ""
                if (parameters[name] != "") {
                    arguments = substr(text, 1, length_of_arguments(text))
                    text = substr(text, length(arguments) + 1)
                    arguments = substr(arguments, 2, length(arguments) - 2)
                }
                used[name] = 1
                token = applied(name, expanded(arguments, values))
            }
        }
        sql = joined(sql, token)
    }
    return trimmed(sql)
}

# The highest n of the parameters $n.
function parameters_of(text,    token, most) {
    for (most = 0; text != ""; text = substr(text, length(token) + 1)) {
        token = token_of(text)
        if (token ~ /^[$][0-9]/ && substr(token, 2) + 0 > most) {
            most = substr(token, 2) + 0
        }
    }
    return most
}

function quoted(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}

/^-- version: [0-9]+$/ {
    version = $3
    next
}

# The statements that run on a shard, by a parameter or by the key of the
# organization; all: of several.
/^-- on a shard by ([$][0-9]+|key|all): [A-Z_ ]+$/ {
    for (i = 7; i <= NF; i++) {
        shard_by[$i] = substr($6, 1, length($6) - 1)
    }
    next
}

# The parameters of a fragment, as in "f(a, b)".
function parameters_in(line) {
    return match(line, /[(].*[)]/) ? substr(line, RSTART + 1, RLENGTH - 2) : ""
}

# A form for the tables before this version follows the form for those of it.
/^-- (name: [A-Z_]+|fragment: [a-z_]+([(][a-z_, ]+[)])?) before [0-9]+$/ {
    name = $3
    sub(/[(].*/, "", name)
    if (current != name || $NF != version || name in is_new) {
        current = name
        fail("a form before " version " follows the one it replaces")
    }
    if (parameters_in($0) != parameters[name]) {
        fail("its form before " version " has other parameters")
    }
    current = current SUBSEP "before"
    body[current] = ""
    next
}

/^-- name: [A-Z_]+( :repeatable)?( from [0-9]+)?$/ {
    current = $3
    if (current in repeatable) {
        fail("there are two of them")
    }
    statements[++statement_count] = current
    repeatable[current] = $4 == ":repeatable" ? 1 : 0
    if ($(NF - 1) == "from") {
        if ($NF != version) {
            fail("it can be from " version ", all older ones are there before")
        }
        is_new[current] = 1
    }
    next
}

/^-- fragment: [a-z_]+([(][a-z_, ]+[)])?$/ {
    current = $3
    sub(/[(].*/, "", current)
    if (current in parameters) {
        fail("there are two of them")
    }
    fragments[++fragment_count] = current
    parameters[current] = parameters_in($0)
    next
}

/^-- columns: [a-z_]+$/ {
    current = $3 "_columns"
    list = lists[++list_count] = $3
    fragments[++fragment_count] = current
    parameters[current] = ""
    next
}

# A column with an attribute beside it: "a.name AS name, -- attribute".
current == list "_columns" && / AS [a-z_]+,? +-- [A-Za-z]+$/ {
    if (++text_count[list] == 1) {
        add_text_fragment("texts", "")
        add_text_fragment("values", "of")
        add_text_fragment("arrays", "of")
        add_text_fragment("settings", "of")
    }
    match($0, / AS [a-z_]+/)
    text_column[list, text_count[list]] = substr($0, RSTART + 4, RLENGTH - 4)
    text_attribute[list, text_count[list]] = $NF
}

function add_text_fragment(kind, parameter,    fragment) {
    fragment = list "_" kind
    fragments[++fragment_count] = fragment
    parameters[fragment] = parameter
    text_kind[fragment] = kind
    text_list[fragment] = list
}

/^-- *(version|name|fragment|columns|on a shard by.*):/ {
    fail("\"" $0 "\" is not understood")
}

{
    line = sql_of($0)
    if (line ~ /[^ \t]/) {
        if (current == "") {
            fail("SQL before the first name")
        }
        body[current] = body[current] " " line
    }
}

function has_semicolon(text,    token) {
    for (; text != ""; text = substr(text, length(token) + 1)) {
        token = token_of(text)
        if (token == ";") {
            return 1
        }
    }
    return 0
}

function text_of_statement(name,    none, sql) {
    split("", none)
    current = name
    sql = expanded(body_of(name), none)
    if (!sub(/;$/, "", sql) || has_semicolon(sql)) {
        fail("a statement ends with its only semicolon")
    }
    return sql
}

function read_fragments(    i) {
    for (i = 1; i <= fragment_count; i++) {
        current = fragments[i]
        if (parameters[current] == "") {
            texts[current] = applied(current, "")
        }
    }
}

# The texts that differ before this version.  Lists of columns are also in
# statements that C puts together, which have one text.
function read_before(    i, name, sql) {
    is_before = 1
    for (i = 1; i <= statement_count; i++) {
        name = statements[i]
        sql = name in is_new ? texts[name] : text_of_statement(name)
        before[name] = name
        if (sql != texts[name]) {
            before[name] = name "_BEFORE_" version
            before_texts[name] = sql
        }
        if (parameters_of(sql) != parameters_of(texts[name])) {
            fail("before " version " it has other parameters")
        }
    }
    for (i = 1; i <= list_count; i++) {
        current = lists[i] "_columns"
        if (applied(current, "") != texts[current]) {
            fail("a list of columns has no form before " version)
        }
    }
    is_before = 0
}

function read_all(    i, name) {
    for (i = 1; i <= statement_count; i++) {
        texts[statements[i]] = text_of_statement(statements[i])
    }
    read_fragments()
    read_before()
    for (name in shard_by) {
        if (!(name in texts)) {
            current = name
            fail("there is no such statement to run on a shard")
        }
    }
    for (i = 1; i <= fragment_count; i++) {
        current = fragments[i]
        if (!(current in used)) {
            fail("no statement uses it")
        }
    }
}

# The enum of the columns in a list, by what follows AS.
function print_columns(list,    text, token, prefix) {
    prefix = "SCIM_" toupper(list) "_"
    print "enum {"
    for (text = texts[list "_columns"]; text != "";
         text = substr(text, length(token) + 1)) {
        token = token_of(text)
        if (match(token, / AS [a-z_]+$/)) {
            print "    " prefix toupper(substr(token, RSTART + 4)) ","
        }
    }
    print "    " prefix "COLUMNS\n};"
    if (list in text_count) {
        print_attributes(list, prefix)
    }
}

# X(column, attribute) for each text column.
function print_attributes(list, prefix,    i) {
    print "#define " prefix "TEXTS(X) \\"
    for (i = 1; i <= text_count[list]; i++) {
        print "    X(" prefix toupper(text_column[list, i]) ", \"" \
            text_attribute[list, i] "\")" (i < text_count[list] ? " \\" : "")
    }
}

function id_on_shard(name) {
    return name (name in shard_by ? "_ON_SHARD" : "")
}

function call_on_shard(name,    i, sql) {
    for (i = 1; i <= parameters_of(texts[name]); i++) {
        sql = sql (i > 1 ? ", " : "") "$" i
    }
    return "SELECT * FROM scim_shard." tolower(name) "(" sql \
        (shard_by[name] == "key" ? ", scim_shard.organization_of($1)" : "") ")"
}

function print_ids(    i) {
    print "typedef enum {"
    for (i = 1; i <= statement_count; i++) {
        print "    SCIM_SQL_" statements[i] ","
    }
    for (i = 1; i <= statement_count; i++) {
        if (statements[i] in before_texts) {
            print "    SCIM_SQL_" before[statements[i]] ","
        }
    }
    for (i = 1; i <= statement_count; i++) {
        if (statements[i] in shard_by) {
            print "    SCIM_SQL_" id_on_shard(statements[i]) ","
        }
    }
    print "    SCIM_SQL_COUNT\n} scim_statement_e;"
    if (version) {
        print "#define SCIM_SCHEMA_KNOWN " version
    }
    for (i = 1; i <= list_count; i++) {
        print_columns(lists[i])
    }
    for (i = 1; i <= fragment_count; i++) {
        if (texts[fragments[i]] ~ /^[0-9]+$/) {
            print "#define SCIM_" toupper(fragments[i]), texts[fragments[i]]
        }
    }
}

function print_row(name, id, text) {
    print "    { " quoted(id) ", " parameters_of(text) ", " repeatable[name] \
        ", SCIM_SQL_" before[name] ",\n      " quoted(text) ",\n      SCIM_SQL_" \
        id_on_shard(name) " },"
}

function print_texts(    i, name) {
    print "static const scim_statement_t statements[] = {"
    for (i = 1; i <= statement_count; i++) {
        print_row(statements[i], statements[i], texts[statements[i]])
    }
    for (i = 1; i <= statement_count; i++) {
        name = statements[i]
        if (name in before_texts) {
            print_row(name, before[name], before_texts[name])
        }
    }
    for (i = 1; i <= statement_count; i++) {
        name = statements[i]
        if (name in shard_by) {
            print_row(name, id_on_shard(name), call_on_shard(name))
        }
    }
    print "};"
    for (i = 1; i <= fragment_count; i++) {
        name = fragments[i]
        if (name in texts) {
            print "#define TEXT_" toupper(name), quoted(texts[name])
        }
    }
}

function print_psql(for_before,    i, name) {
    for (i = 1; i <= statement_count; i++) {
        name = statements[i]
        if (!for_before || !(name in is_new)) {
            print "PREPARE \"" name "\" AS " (for_before && name in before_texts \
                ? before_texts[name] : texts[name]) ";"
        }
    }
}

function print_shards(    i, name) {
    for (i = 1; i <= statement_count; i++) {
        name = statements[i]
        if (name in shard_by) {
            print "PREPARE \"" name "\" AS " texts[name] ";"
            print "CALL pg_temp.delegate('" name "', '" shard_by[name] "');"
        }
    }
}

END {
    if (failed) {
        exit 1
    }
    read_all()
    if (to == "psql" || to == "before") {
        print_psql(to == "before")
        exit
    }
    if (to == "shards") {
        print_shards()
        exit
    }
    print "/* Made of statements.sql by statements.awk. */"
    if (to == "ids") {
        print_ids()
    }
    else if (to == "texts") {
        print_texts()
    }
    else {
        fail("to=ids, to=texts, to=psql, to=before or to=shards")
    }
}
