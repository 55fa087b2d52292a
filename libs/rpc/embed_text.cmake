# cmake -DIN=<text> -DOUT=<cc> -DNAME=<constant> -P embed_text.cmake
# Writes a source file that defines `const char NAME[]` with the text of IN.
file(READ ${IN} text)
file(WRITE ${OUT} "namespace weft::rpc {\nextern const char ${NAME}[];\nconst char ${NAME}[] = R\"embed(${text})embed\";\n}  // namespace weft::rpc\n")
