// error: flyhook/src.hpp is for separate compilation
// mode: header-only
// The bodies are there already.

#include <flyhook/src.hpp>

int main() {}
