#!/bin/sh
# Builds the client with the packages that are unpacked in a folder: build.sh FOLDER PROGRAM
#
# The libraries are found by the RPATH of the program, which counts for the libraries that they need, too. The
# headers call functions of those, so they are linked, too.
set -eu
folder=$1 program=$2
libraries=$folder/usr/lib/$(c++ -dumpmachine | sed 's/-pc-/-/')
nice -n 10 c++ -std=c++17 -O2 -DNDEBUG -Wall -isystem "$folder/usr/include" main.cc -o "$program" \
    -L"$libraries" -Wl,-rpath,"$libraries",--disable-new-dtags -Wl,-rpath-link,"$libraries" \
    -Wl,--copy-dt-needed-entries -lgrpc++ -lgrpc -lgpr -lprotobuf -pthread
