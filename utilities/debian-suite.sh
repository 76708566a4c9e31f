# SPDX-License-Identifier: Apache-2.0
#
# Packages of Debian suites other than the one that runs, for shell scripts
# that read this file with ".".  The mirror and its key come from this
# machine's APT configuration, but APT gets lists and a cache of its own, so
# that the system's package lists stay as they are; nothing is installed.
#
# The script sets $tmp, a directory for all that, which it removes, and has a
# function die, which prints its arguments and ends the script.

# Checks that the programs are there, and finds the mirrors: the URL $1, or
# those of APT's configuration if it is empty.
debian_suite_init () {
    for tool in apt-get apt-cache dpkg-deb; do
        command -v $tool > /dev/null ||
            die "needs '$tool' (Debian packages: apt, dpkg)"
    done
    if test -n "$1"; then
        echo "$1 -" > "$tmp/mirrors"
    else
        debian_suite_mirrors | awk '!seen[$0]++' > "$tmp/mirrors"
        test -s "$tmp/mirrors" ||
            die "no Debian archive in /etc/apt: name a mirror with --mirror URL"
    fi
}

# Prints "URI KEYRING" for each archive with a Debian suite and "main" in the
# APT configuration, "-" for no key named there.
debian_suite_mirrors () {
    etc=/etc/apt
    for file in $etc/sources.list $etc/sources.list.d/*.list; do
        test ! -f "$file" || sed 's/#.*//' "$file"
    done | awk '
        function debian(s) {
            return s ~ /^(bookworm|trixie|forky|bullseye|sid|unstable)$/ \
                || s ~ /^(stable|oldstable|testing)$/
        }
        $1 == "deb" {
            line = $0; key = "-"
            if (match(line, /\[[^]]*\]/)) {
                n = split(substr(line, RSTART + 1, RLENGTH - 2), opt, " ")
                for (i = 1; i <= n; i++) {
                    if (opt[i] ~ /^signed-by=\//) {
                        key = substr(opt[i], 11)
                        sub(/,.*/, "", key)
                    }
                }
                line = substr(line, 1, RSTART - 1) \
                       substr(line, RSTART + RLENGTH)
            }
            n = split(line, f, " "); has_main = 0
            for (i = 4; i <= n; i++) {
                has_main = has_main || f[i] == "main"
            }
            if (debian(f[3]) && has_main) {
                print f[2], key
            }
        }'
    for file in $etc/sources.list.d/*.sources; do
        test ! -f "$file" || { sed '/^#/d' "$file"; echo; }
    done | awk '
        function debian(s) {
            return s ~ /^(bookworm|trixie|forky|bullseye|sid|unstable)$/ \
                || s ~ /^(stable|oldstable|testing)$/
        }
        function finish(   n, i, a, suite, uri, key) {
            suite = 0
            n = split(field["suites"], a, " ")
            for (i = 1; i <= n; i++) {
                suite = suite || debian(a[i])
            }
            # A key may be in the file itself: then the package
            # debian-archive-keyring must do.
            key = field["signed-by"]; sub(/^ */, "", key); sub(/ .*/, "", key)
            if (key !~ /^\//) {
                key = "-"
            }
            if (suite && (" " field["types"] " ") ~ / deb / \
                && (" " field["components"] " ") ~ / main / \
                && tolower(field["enabled"]) !~ /no|false|0/) {
                n = split(field["uris"], uri, " ")
                for (i = 1; i <= n; i++) {
                    print uri[i], key
                }
            }
            split("", field); name = ""
        }
        /^[ \t]*$/ { finish(); next }
        /^[ \t]/   { field[name] = field[name] " " $0; next }
        {
            colon = index($0, ":")
            name = tolower(substr($0, 1, colon - 1))
            field[name] = substr($0, colon + 1)
        }
        END { finish() }'
}

# Runs apt's program $2 for suite $1 with the lists and cache of that suite.
debian_suite_apt () {
    apt_dir=$tmp/$1
    apt_tool=$2
    shift 2
    "$apt_tool" -q \
        -o Dir::Etc::SourceList="$apt_dir/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$apt_dir/lists" \
        -o Dir::State::status=/dev/null \
        -o Dir::Cache="$apt_dir/cache" \
        -o APT::Architecture=amd64 \
        -o APT::Sandbox::User=root \
        -o APT::Update::Error-Mode=any \
        -o Acquire::Languages=none \
        -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=20 \
        -o Acquire::https::Timeout=20 \
        "$@"
}

# Gets the package lists of suite $1 from the first mirror that has it.
debian_suite_update () {
    mkdir -p "$tmp/$1/lists/partial" "$tmp/$1/cache/archives/partial"
    while read -r uri key; do
        # A machine with only the keys of its own suite named in its
        # configuration must still get the others.
        for ring in "$key" /usr/share/keyrings/debian-archive-keyring.gpg; do
            test "$ring" = - || test -r "$ring" || continue
            opts="arch=amd64 target=Packages"
            test "$ring" = - || opts="$opts signed-by=$ring"
            echo "deb [$opts] $uri $1 main" > "$tmp/$1/sources.list"
            if debian_suite_apt "$1" apt-get update > "$tmp/$1/log" 2>&1; then
                return 0
            fi
            { echo "from $uri:"
              grep '^[EW]:' "$tmp/$1/log" || cat "$tmp/$1/log"
            } >> "$tmp/$1/errors"
        done
    done < "$tmp/mirrors"
    cat "$tmp/$1/errors" >&2 || :
    die "no mirror gives the package lists of $1.  Check the network and" \
        "APT's proxy settings, or name a mirror with --mirror URL."
}

# Downloads package $2 of suite $1, whose lists are there, into $tmp/$1.
debian_suite_download () {
    (cd "$tmp/$1" && debian_suite_apt "$1" apt-get download "$2" > log 2>&1) || {
        cat "$tmp/$1/log" >&2
        die "cannot download $2 of $1"
    }
}
