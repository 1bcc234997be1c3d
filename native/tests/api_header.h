// SPDX-License-Identifier: Apache-2.0
// The C API as its headers write it: the functions, and the fields of the argument structs with what their comments promise.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace test {

struct Field {
  std::string name;
  std::string type;      // without const and *
  bool pointer = false;
  bool constant = false; // the pointer's target is not written
  int64_t count = 1;     // elements of an array
  size_t offset = 0;
  std::string comment;

  size_t bytes() const { return pointer || type == "int64_t" || type == "uint64_t" || type == "double" ? 8 : type == "int32_t" ? 4 : 1; }
  /// Elements that a pointer leads to; void stands for float32.
  int64_t element() const {
    if (type == "uint8_t") return 1;
    return type == "void" || type == "float" || type == "int32_t" || type == "uint32_t" ? 4 : 8;
  }
  bool says(const char* words) const { return comment.find(words) != std::string::npos; }
  /// The call needs the array.
  bool required() const {
    if (says("nullable")) return false;
    return constant || says("required") || says("in and out");
  }
};

struct ApiHeader {
  std::map<std::string, std::vector<Field>> structs;
  std::map<std::string, std::string> functions;  // name to parameters

  explicit ApiHeader(const std::string& path) {
    std::string text;
    FILE* const file = fopen(path.c_str(), "rb");
    if (file == nullptr) return;
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) text.append(part, n);
    fclose(file);
    const std::string function = "\nTPPO_API ", opening = "\ntypedef struct ";
    for (size_t at = text.find(function); at != std::string::npos; at = text.find(function, at + 1)) {
      const size_t open = text.find('(', at), name = text.rfind(' ', open) + 1, close = text.find(')', open);
      functions[text.substr(name, open - name)] = text.substr(open + 1, close - open - 1);
    }
    for (size_t at = text.find(opening); at != std::string::npos; at = text.find(opening, at + 1)) {
      const size_t name = at + opening.size(), body = text.find(" {\n", at), end = text.find("\n}", at);
      structs[text.substr(name, body - name)] = fields(text.substr(body + 3, end - body - 2));
    }
  }

 private:
  /// One declaration a line, `const void* a;` or `int64_t a, b;` or `double a[3];`, and its comment. A nested struct comes last.
  static std::vector<Field> fields(const std::string& body) {
    std::vector<Field> list;
    size_t at = 0;
    for (size_t line = 0; line < body.size(); line = body.find('\n', line) + 1) {
      const size_t semicolon = body.find(';', line), comment = body.find("/**<", line), end = body.find('\n', line);
      std::string declaration = body.substr(line + 2, semicolon - line - 2);
      Field f;
      f.constant = declaration.compare(0, 6, "const ") == 0;
      if (f.constant) declaration.erase(0, 6);
      f.type = declaration.substr(0, declaration.find_first_of(" *"));
      const size_t star = declaration.find('*');
      f.pointer = star != std::string::npos;
      if (!f.pointer && f.type.compare(0, 5, "tppo_") == 0) break;
      if (f.pointer && declaration.find('*', star + 1) != std::string::npos) f.type = "pointer";
      if (comment < end) f.comment = body.substr(comment, end - comment);
      std::string names = declaration.substr(f.pointer ? declaration.rfind('*') + 1 : f.type.size());
      for (size_t comma = 0; comma != std::string::npos; names.erase(0, comma + 1)) {
        comma = names.find(',');
        const std::string name = names.substr(names.find_first_not_of(' '), comma - names.find_first_not_of(' '));
        const size_t bracket = name.find('[');
        f.name = name.substr(0, bracket);
        f.count = bracket == std::string::npos ? 1 : std::stoll(name.substr(bracket + 1));
        f.offset = at = (at + f.bytes() - 1) / f.bytes() * f.bytes();
        at += f.bytes() * static_cast<size_t>(f.count);
        list.push_back(f);
        if (comma == std::string::npos) break;
      }
    }
    return list;
  }
};

}  // namespace test
