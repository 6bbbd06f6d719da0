// The program that links the files of all headers; that it links is the test.

int main() { return 0; }
