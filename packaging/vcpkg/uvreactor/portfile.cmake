# Builds the tree that contains this port:
#
#   vcpkg install uvreactor --overlay-ports=packaging/vcpkg
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

set(options "")
foreach(feature IN ITEMS cares tls)
  if(feature IN_LIST FEATURES)
    list(APPEND options -D${feature}=enabled)
  else()
    list(APPEND options -D${feature}=disabled)
  endif()
endforeach()

vcpkg_configure_meson(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${options} -Dzlib=enabled -Dtests=disabled -Dsamples=disabled -Dbench=disabled
  OPTIONS_RELEASE -Db_ndebug=true)
vcpkg_install_meson()

# A triplet has one kind of library. The package for CMake uses the one that is there.
if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
  file(GLOB unwanted "${CURRENT_PACKAGES_DIR}/lib/*.so*" "${CURRENT_PACKAGES_DIR}/debug/lib/*.so*"
       "${CURRENT_PACKAGES_DIR}/lib/*.dylib" "${CURRENT_PACKAGES_DIR}/debug/lib/*.dylib")
else()
  file(GLOB unwanted "${CURRENT_PACKAGES_DIR}/lib/*.a" "${CURRENT_PACKAGES_DIR}/debug/lib/*.a")
endif()
if(unwanted)
  file(REMOVE ${unwanted})
endif()

vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/uvreactor)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
