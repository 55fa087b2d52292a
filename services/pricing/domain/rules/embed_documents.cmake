# cmake -DFOLDER=<folder> -DOUT=<cc> -P embed_documents.cmake
# Writes a source file that holds the texts of all *.yaml in FOLDER.
file(GLOB files ${FOLDER}/*.yaml)
list(SORT files)
set(out "#include \"services/pricing/domain/rules/platform_documents.h\"\n\nnamespace weft::pricing {\n\nconst std::vector<PlatformDocument> kPlatformDocuments = {\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND out "    {\"${name}\", R\"embed(${text})embed\"},\n")
endforeach()
string(APPEND out "};\n\n}  // namespace weft::pricing\n")
file(WRITE ${OUT} "${out}")
