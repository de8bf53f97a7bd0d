#!/bin/sh
echo "runs in $PWD"
