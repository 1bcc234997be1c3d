# SPDX-License-Identifier: Apache-2.0
# Sorts what JavaCPP writes in the order of Java's reflection, which changes from run to run: the functions that Java calls, and the
# rows of members and their offsets. The name ends before any character that a longer name goes on with, so both rows sort alike.
function sort(items, n,    i, j, item) {
  for (i = 2; i <= n; i++) {
    item = items[i]
    for (j = i - 1; j >= 1 && items[j] > item; j--) items[j + 1] = items[j]
    items[j + 1] = item
  }
}

function flush_functions(    i) {
  sort(functions, count)
  for (i = 1; i <= count; i++) printf "%s", functions[i]
  count = 0
}

# Functions that follow each other, with nothing but empty lines between.
/^JNIEXPORT .*\{$/ { inside = 1; functions[++count] = "" }
inside { functions[count] = functions[count] $0 "\n"; if ($0 == "}") inside = 0; next }
count && $0 == "" { next }
count { flush_functions() }

# { sizeof(t), offsetof(t, a), offsetof(t, b) } and { "sizeof", "a", "b" }; the first stays where it is.
/^ +\{ ("sizeof"|sizeof\()/ {
  head = match($0, /, ("|offsetof)/) ? substr($0, 1, RSTART - 1) : $0
  if (RSTART) {
    separator = substr($0, RSTART + 2, 1) == "o" ? ", offsetof" : ", \""
    end = index($0, " }")
    n = split(substr($0, RSTART + length(separator), end - RSTART - length(separator)), rows, separator)
    sort(rows, n)
    tail = substr($0, end)
    for (i = 1; i <= n; i++) head = head separator rows[i]
    $0 = head tail
  }
}
{ print }
END { flush_functions() }
