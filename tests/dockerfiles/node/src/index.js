echo
"listening"
