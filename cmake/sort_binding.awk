# SPDX-License-Identifier: Apache-2.0
# awk -f sort_binding.awk FILE FILE (twice: it is read first for its classes, then rewritten)
# JavaCPP writes what it finds in the order of Java's reflection, which changes from run to run. This puts in order the classes, which
# are known by their numbers, the rows of members and offsets of each, and the functions that Java calls.
function sort(items, n,    i, j, item) {
  for (i = 2; i <= n; i++) {
    item = items[i]
    for (j = i - 1; j >= 1 && items[j] > item; j--) items[j + 1] = items[j]
    items[j + 1] = item
  }
}

# The classes get the numbers of their sorted names: `from` and `to` map new numbers to old ones and back, from 0.
function number_classes(    i, sorted) {
  for (i = 1; i <= classes; i++) sorted[i] = name[i]
  sort(sorted, classes)
  for (i = 1; i <= classes; i++) {
    from[i - 1] = number[sorted[i]]
    to[number[sorted[i]]] = i - 1
  }
}

# JavaCPP_getClass(env, 7) and its like name a class by number.
function renumber(line,    result, start) {
  result = ""
  while (match(line, /JavaCPP_[A-Za-z]+\(env, [0-9]+/)) {
    start = substr(line, 1, RSTART + RLENGTH - 1)
    line = substr(line, RSTART + RLENGTH)
    match(start, /[0-9]+$/)
    result = result substr(start, 1, RSTART - 1) to[substr(start, RSTART) + 0]
  }
  return result line
}

# { sizeof(t), offsetof(t, a), offsetof(t, b) } or { "sizeof", "a", "b" }: the first stays where it is. A name ends before any character
# that a longer name goes on with, so both kinds of row come into the same order.
function sort_members(row,    head, separator, n, members, i) {
  if (!match(row, /, ("|offsetof)/)) return row
  separator = substr(row, RSTART + 2, 1) == "o" ? ", offsetof" : ", \""
  head = substr(row, 1, RSTART - 1)
  sub(/ }$/, "", row)
  n = split(substr(row, RSTART + length(separator)), members, separator)
  sort(members, n)
  for (i = 1; i <= n; i++) head = head separator members[i]
  return head " }"
}

function flush_functions(    i) {
  sort(functions, count)
  for (i = 1; i <= count; i++) printf "%s", functions[i]
  count = 0
}

# First reading: the names of the classes.
NR == FNR && /^static const char\* JavaCPP_classNames/ { naming = 1; next }
NR == FNR {
  if (naming) {
    naming = !/};$/
    match($0, /"[^"]*"/)
    name[++classes] = substr($0, RSTART, RLENGTH)
    number[name[classes]] = classes - 1
  }
  next
}
FNR == 1 { number_classes() }

# Tables with a row for each class.
/^static .*JavaCPP_(classNames|members|offsets)\[.*\{$/ { table = 1; rows = 0; print; next }
table {
  row = $0
  sub(/(,| };)$/, "", row)
  match(row, /^ +/)
  kept[rows++] = row
  if (rows == classes) {
    for (i = 0; i < classes; i++) print sort_members(kept[from[i]]) (i < classes - 1 ? "," : " };")
    table = 0
  }
  next
}
/^static .*JavaCPP_memberOffsetSizes/ {
  match($0, /\{.*\}/)
  split(substr($0, RSTART + 2, RLENGTH - 4), sizes, ", ")
  line = substr($0, 1, RSTART)
  for (i = 0; i < classes; i++) line = line " " sizes[from[i] + 1] (i < classes - 1 ? "," : " };")
  print line
  next
}

# Functions that follow each other, with nothing but empty lines between.
/^JNIEXPORT .*\{$/ { inside = 1; functions[++count] = "" }
inside { functions[count] = functions[count] renumber($0) "\n"; if ($0 == "}") inside = 0; next }
count && $0 == "" { next }
count { flush_functions() }
{ print renumber($0) }
END { flush_functions() }
