#!/usr/bin/env bash
# Dump the shop's sales: bin/export_sales.sh [FILE], by default exports/sales_data.sql. Made for cron; no Dagster.
#
# One consistent snapshot, taken while the shop goes on selling. The same rows give the same bytes, and a dump that
# would be the same leaves FILE untouched. Beside FILE, in dumps/, the last SOFTCART_DUMPS (7) that differ are kept.
#
# SOFTCART_MYSQL_URL names the database (the local servers' where it is not set), SOFTCART_DUMP_TABLE the table
# (sales_data), SOFTCART_EXPORTS the folder of exports. The user needs SELECT on the table. A password is neither on a
# command line nor in the environment of the dump tool. The exit code is 3 where there is no such tool.
set -euo pipefail
umask 077
export LC_ALL=C

fail() {
    echo "export_sales.sh: $*" >&2
    exit 1
}

decoded() {
    printf '%b' "${1//%/\\x}"
}

clone=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
home=${SOFTCART_HOME:-$clone/.softcart}
file=${1:-${SOFTCART_EXPORTS:-exports}/sales_data.sql}
table=${SOFTCART_DUMP_TABLE:-sales_data}
kept=${SOFTCART_DUMPS:-7}
[[ $# -le 1 ]] || fail "usage: $0 [FILE]"
[[ $kept =~ ^[1-9][0-9]{0,5}$ ]] || fail "SOFTCART_DUMPS is '$kept': it is how many dumps are kept, 1 or more"

# The servers that make run has started.
if [[ -z ${SOFTCART_MYSQL_URL:-} && -d $home ]]; then
    eval "$(make -s -C "$clone" env 2>/dev/null | grep '^export SOFTCART_MYSQL_URL=' || true)"
fi
url=${SOFTCART_MYSQL_URL:-}
[[ -n $url ]] || fail "SOFTCART_MYSQL_URL is not set: mysql://user:password@host:port/database" # pragma: allowlist secret
pattern='^(mysql|mariadb)(\+[a-z0-9]+)?://(([^:@/?]*)(:([^@]*))?@)?(\[[^]]+\]|[^:/?]*)(:([0-9]+))?/([^?]+)(\?(.*))?$'
[[ $url =~ $pattern ]] || fail "SOFTCART_MYSQL_URL is not of the form mysql://user:password@host:port/database" # pragma: allowlist secret
user=$(decoded "${BASH_REMATCH[4]}")
password=$(decoded "${BASH_REMATCH[6]}")
host=${BASH_REMATCH[7]:-localhost}
host=${host#[}
host=${host%]}
port=${BASH_REMATCH[9]:-3306}
database=$(decoded "${BASH_REMATCH[10]}")
query=${BASH_REMATCH[12]}

# The server's own tool: the machine's, or the one that make setup has unpacked.
unpacked=$home/debian/mariadb/usr
if [[ -x $unpacked/bin/mariadb-dump ]]; then
    tool=$unpacked/bin/mariadb-dump
    libraries=$(echo "$unpacked"/lib/*-linux-gnu*)
    export LD_LIBRARY_PATH=${libraries%% *}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
    tool=$(command -v mariadb-dump || command -v mysqldump) || {
        echo "there is no dump tool: install mariadb-client or mysql-client, or run make up" >&2
        exit 3
    }
fi

mkdir -p "$(dirname "$file")"
folder=$(cd "$(dirname "$file")" && pwd)
name=$(basename "$file")
work=$(mktemp -d "$folder/.$name.XXXXXX")
trap 'rm -rf "$work"' EXIT

# In a file of options a backslash and a quote are escaped; the quotes keep a # in a password.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
{
    echo "[client]"
    echo "host=$(quoted "$host")"
    echo "port=$port"
    [[ -z $user ]] || echo "user=$(quoted "$user")"
    echo "password=$(quoted "$password")"
    [[ $query =~ (^|&)unix_socket=([^&]+) ]] && echo "socket=$(quoted "$(decoded "${BASH_REMATCH[2]}")")" ||
        echo "protocol=tcp"
    for option in ssl_ca ssl_cert ssl_key; do
        if [[ $query =~ (^|&)$option=([^&]+) ]]; then
            echo "${option/_/-}=$(quoted "$(decoded "${BASH_REMATCH[2]}")")"
        fi
    done
} >"$work/options"

options=(
    --single-transaction --quick --skip-lock-tables --order-by-primary --hex-blob --skip-triggers --no-tablespaces
    --skip-dump-date --skip-comments --default-character-set=utf8mb4
)
if ! "$tool" --version | grep -qi mariadb; then
    # MySQL's tool: the first would need a further right, the second asks what only MySQL 8 has.
    options+=(--set-gtid-purged=OFF --column-statistics=0)
fi
"$tool" --defaults-file="$work/options" "${options[@]}" "$database" "$table" >"$work/dump" ||
    fail "the dump of $database.$table failed; nothing was changed"
tail -c 4096 "$work/dump" | grep -q 'SQL_NOTES=@OLD_SQL_NOTES' || fail "the dump of $database.$table is not whole"

# What says how the server is and not what the table holds, or what the other server's client does not take: MariaDB's
# first line, the number that the next row will get, and collations that only one of the two knows.
sed -E \
    -e '1{/enable the sandbox mode/d;}' \
    -e '/^\) ENGINE=/s/ AUTO_INCREMENT=[0-9]+//' \
    -e '/^(  `|\) ENGINE=)/s/( |=)utf8mb4_(0900_ai_ci|uca1400_ai_ci)/\1utf8mb4_unicode_ci/g' \
    "$work/dump" >"$work/$name"
chmod 644 "$work/$name"

# Kept first, then put in place: whoever is killed in between finds the dump kept, and puts it in place next time.
dumps=$folder/dumps
mkdir -p -m 755 "$dumps"
stem=${name%.sql}
exec 9>"$dumps/.lock"
flock 9
shopt -s nullglob
earlier=("$dumps/$stem".[0-9]*.sql)
if ((${#earlier[@]} == 0)) || ! cmp -s "$work/$name" "${earlier[-1]}"; then
    last=0
    ((${#earlier[@]} == 0)) || last=$(basename "${earlier[-1]}" .sql)
    mv "$work/$name" "$dumps/$stem.$(printf '%06d' $((10#${last##*.} + 1))).sql"
fi
earlier=("$dumps/$stem".[0-9]*.sql)
if ! cmp -s "${earlier[-1]}" "$file"; then
    cp "${earlier[-1]}" "$work/placed"
    chmod 644 "$work/placed"
    mv "$work/placed" "$file"
fi
for ((number = 0; number < ${#earlier[@]} - kept; number++)); do
    rm "${earlier[number]}"
done
