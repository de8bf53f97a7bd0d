"""Dockerfiles to ask dockerd about: what they say of an image's Config, and how they are wrong.

Knows: texts. Does not know: who reads them.
"""

from __future__ import annotations

# Bodies of stages that begin with FROM scratch; no container runs for any of them.
BODIES = r"""
ENV a=1 b=$a c="x $PATH" d='$a' e=\$a f=${a:-z}
ENV b2=$a$b ${a}x=y
LABEL a=1 "b c"="d e" f='g h' i=j\ k l="\"q\"" m=\"n\ e\\
LABEL $PATH=x y=${y:-${z:-deep"q"}}
===
ENV old style  value with  blanks
ENV old2 "quoted value" 'x'
ENV a=b\
c d=e
LABEL multi="line \
continued" x="a\nb"
MAINTAINER me <a@b>  x
===
env lower=1
Expose 80 443/udp 8000-8003 9/SCTP
ENV P="1 2/udp"
EXPOSE $P 4 3 80/tcp
EXPOSE 127.0.0.1:9999:77 12:13/udp [::1]:1:2 ''
===
VOLUME /a /b $PATH
VOLUME   ["/f" ,"/g g", "$PATH"]  junk
VOLUME [ "/x",
VOLUME "/q" 'z'
===
WORKDIR /a/../b//c/
WORKDIR d/./e/
WORKDIR "/x y"
WORKDIR a b
WORKDIR ../../../../../z
===
WORKDIR rel
WORKDIR ..
ARG u=9
USER "x y"
USER $u
===
CMD ["a", "b c", "\u00e9\"\\\n\t\ud800\u2028\u200b\u0007\u007f\ud83d\ude00"]
===
CMD é ü "x	y" $PATH
===
CMD  [ "a", 'b' ]
===
CMD ["a"] trailing
ENTRYPOINT ["x"]
===
CMD []
ENTRYPOINT a
===
CMD
ENTRYPOINT []
===
ENTRYPOINT x y
CMD z
ENTRYPOINT
===
CMD ["x"]
ENTRYPOINT ["y"]
===
SHELL ["/bin/bash", "-c", "x y"]
CMD a b
ENTRYPOINT c
HEALTHCHECK CMD x
WORKDIR /a
===
ARG s=term
STOPSIGNAL $s
STOPSIGNAL --x RTMIN+3
STOPSIGNAL 99
===
HEALTHCHECK --interval=1m30s --timeout=1500ms --start-period=1h0.5s --retries=3 cmd ["a", "b"]
HEALTHCHECK CMD true "$x"
HEALTHCHECK --foo none
===
HEALTHCHECK --interval="1s" --timeout=+1h1m1ms1us1ns --retries=65 CMD a   b
HEALTHCHECK --retries=2000000 -- CMD --x y
===
ONBUILD RUN a  b
ONBUILD   copy --from=a x y
onbuild env a=1 \
  b=2
ONBUILD FOO x
ONBUILD HEALTHCHECK --x CMD a
===
ARG A=1 B C="x y" D=$A
ARG E=$A$D
ENV e=$A-$B-$C-$D-$E
ENV A=env
ARG A=again
LABEL g=$A x=$HTTP_PROXY y=${E:+set} z=${nope:+set}
ARG "Q"=1 R='a b'c
ARG --flag S
===
LABEL a=1 \
  # comment
b=2 \

  c=3

# comment
  # indented
	LABEL	tabs=1	x=2
===
ENV x=a\ b y=\\ z=\
LABEL u=é\ü v="$é" w=$1a w2=$a1 w3=$_ w4=$$ w5=$? w6=${@} w7="$" w8=$ w9=a$
LABEL a==b c= d="" e=''
===
LABEL a=$a\
b
LABEL f="a\b\$c\"\\" g='\' h=\'
LABEL j="${PATH:+a b}" k=${PATH:+"c d"} l=${PATH:+'e f'} m=${PATH:+x\}y}
===
LABEL  a  b  c
LABEL x	tab  tab	y
ENV a	=b c
""".strip("\n").split("\n===\n")

# Whole texts that are an image, each with something that only a whole file can have.
WHOLE = [
    (
        '# escape=`\nFROM scratch\nLABEL a=b` c d=\\x e="`"" `\n f=g\n'
        "ENV x=`$PATH y=\\$PATH z='`'\n"
        'CMD a `\n b\nHEALTHCHECK --timeout=\\1s CMD ["a"]\n'
    ),
    "#syntax=x\n# ESCAPE = `  \nFROM scratch\nLABEL a=b` c\n",
    "#\n# escape=`\nFROM scratch\nLABEL a=b`x c=d\n",
    "FROM scratch\r\nLABEL a=1 \\\r\n  b=2\r\nCMD a\r\n\r\nENV x y\r\r\n",
    "\ufeffFROM scratch\nLABEL a=\ufeff b=\x00b c=\x01 \x0b d=\x1c\nCMD a\x85\xa0b\u2028\x1c\n",
    (
        "ARG V=1\nARG W=$V-x U\nFROM scratch\nLABEL a=$V\nARG V\nARG W=over\nARG U\n"
        "LABEL b=$V c=$W d=$U\nFROM scratch\nLABEL a=$V\nARG V=2\nLABEL b=$V"
    ),
    "ARG B\n FROM ${B:-scratch} as x\n  LABEL a=1\nENV b=2\n \\\nENV c=2\n",
    "FROM 'scratch'\nCMD a \\\\\nENV b=2\nCMD \\\n# x\n\n a\\\n \\\n#y\n",
    'FROM scratch\nCMD -- --x a\nENTRYPOINT ["a\\/b"] \\',
]

# Whole texts with stages that are made of earlier ones, as of any image.
BASED = [
    # R27
    (
        'FROM scratch AS base\nCMD ["x"]\nFROM base AS one\nENTRYPOINT ["echo"]\n'
        'FROM base\nENTRYPOINT ["echo"]\nCMD ["y"]\nFROM one\nCMD z\nFROM base\nCMD z\n'
        'FROM scratch\nENTRYPOINT echo E\nCMD ["z"]\nFROM Base\nCMD []\nENTRYPOINT a\n'
    ),
    (
        'FROM scratch AS base\nMAINTAINER ada\nENV a=1 PATH=/x\nWORKDIR /w\nSHELL ["s"]\nUSER u\n'
        "HEALTHCHECK --interval=2s --retries=4 CMD c\nEXPOSE 1\nVOLUME /v\nLABEL a=1 b=1\n"
        "STOPSIGNAL 9\nFROM base\nLABEL b=2\nENV a=$a$a PATH=$PATH:/y\nWORKDIR x\nCMD $a\n"
        "HEALTHCHECK --interval=3s CMD d\nEXPOSE 2\nVOLUME /w\nFROM base\nHEALTHCHECK NONE\n"
        "MAINTAINER bob\n"
    ),
    (
        "FROM scratch AS base\nONBUILD LABEL a=1\nONBUILD ENV b=$V c=2\nONBUILD CMD x\nENV V=1\n"
        "FROM base AS child\nLABEL d=$b\nENTRYPOINT e\nFROM child\nENV f=$c\nFROM base\nUSER u\n"
    ),
    "FROM scratch AS a\nARG V=1\nLABEL v=$V\nFROM a\nLABEL w=$V\nARG V\nLABEL x=$V\n",
]

# Refused before anything is built.
_BEFORE = r"""
ENV
ENV a
ENV a=1 b
ENV =1
ENV --x a=1
ENV a=1 'b"é
LABEL
LABEL a
EXPOSE
EXPOSE --x=1 80
VOLUME
VOLUME []
VOLUME [" "]
VOLUME [1]
WORKDIR
WORKDIR --x /a
USER
USER --x=1 a
STOPSIGNAL
STOPSIGNAL --foo
CMD --x a
CMD ["a", null]
RUN --x=1 a
RUN [1]
ENTRYPOINT [[]]
SHELL
SHELL a
SHELL []
HEALTHCHECK
HEALTHCHECK NONE a
HEALTHCHECK FOO
HEALTHCHECK CMD
HEALTHCHECK CMD []
HEALTHCHECK --x=1 CMD a
HEALTHCHECK --x
HEALTHCHECK --interval=1 CMD a
HEALTHCHECK --interval=1x CMD a
HEALTHCHECK --interval=.s CMD a
HEALTHCHECK --interval=+ CMD a
HEALTHCHECK --interval=1us CMD a
HEALTHCHECK --interval=-1s CMD a
HEALTHCHECK --interval=1h99999999h CMD a
HEALTHCHECK --retries=0 CMD a
HEALTHCHECK --retries=x CMD a
HEALTHCHECK --retries=99999999999 CMD a
HEALTHCHECK --timeout=1s --timeout=1s CMD a
HEALTHCHECK --timeout CMD a
ONBUILD
ONBUILD ONBUILD RUN a
ONBUILD FROM a
ONBUILD maintainer a
ONBUILD --x RUN a
ONBUILD ENV a
ONBUILD CMD [1]
MAINTAINER
ARG
ARG =1
ARG a=1 =2
COPY a
COPY
COPY --x a b
COPY --link a b
COPY --chown a b
COPY --chown=1 --chown=2 a b
COPY ["a"]
COPY [1, 2]
ADD --from=x a b
FOO x
foo
FROM
FROM a b
FROM a as b c
FROM a as 1
FROM a as X/Y
FROM --x=1 a
FROM --platform a
FROM --platform=a --platform=b a
""".strip("\n").split("\n")

REFUSED = [f"FROM scratch\n# c\n{line}\n" for line in _BEFORE] + [
    "",
    "\n",
    "# only a comment\n",
    "   \n\n",
    "# escape=x\nFROM scratch",
    "# escape=\\\n# escape=\\\nFROM scratch",
    "ENV a=1\n",
    "ARG a=1\nLABEL b=1",
    "FROM scratch\nRUN " + "x" * 65532,
    "FROM scratch\nRUN x \\\n" + "y" * 2**20,
    "FROM scratch\nE\\\nNV \\\n# c\n\na",
    "FROM scratch\nRUN a\nRUN b \\\n\n\\\n c\n\n\nFOO",
]

# Refused when their turn comes.
_LATER = r"""
EXPOSE a
EXPOSE 80/foo
EXPOSE 70000
EXPOSE 80-70
EXPOSE /tcp
EXPOSE 1.2.3.4.5:80:80
EXPOSE a:80
EXPOSE 80-82:80-83
EXPOSE 1:2:3:4
EXPOSE [x:80:80
EXPOSE 80 --x=1
VOLUME $x
WORKDIR $x
STOPSIGNAL FOO
STOPSIGNAL 0
STOPSIGNAL SIG9
ENV a=${
ENV a=${}
ENV a=${x
ENV a=${x:
ENV a=${x:zy}
ENV a=${x-y}
ENV a=${x#y}
ENV a="${x?no way}"
ENV a=${PATH?no} b=${x:?}
ENV a="
LABEL a='
LABEL a=1 b="unterminated
LABEL "x=y"=z
VOLUME "/q q"
ENV a=${x:-${y}
ENV a=${x:-'}
ENV a="${x:-"}"
ENV a=${x:-${y#}}
""".strip("\n").split("\n")
LATER = [f"FROM scratch\n{line}\n" for line in _LATER] + [
    "ARG V\nFROM $V\n",
    "ARG V=${\nFROM scratch\nLABEL a=1\n",
    "FROM scratch AS a\nLABEL a=1\nFROM scratch as A\nLABEL a=1\n",
    "FROM scratch\n",
    "FROM scratch AS a\nONBUILD FOO\nFROM a\n",
    "FROM scratch AS a\nONBUILD HEALTHCHECK --x CMD b\nFROM a\n",
    "FROM scratch\nLABEL a=1\nCOPY --from=0 /a /b\n",
    "FROM scratch AS a\nLABEL a=1\nFROM scratch\nCOPY --from=2 /a /b\n",
    "FROM scratch AS a\nLABEL a=1\nFROM scratch\nCOPY --from=-1 /a /b\n",
    "FROM scratch\nRUN --mount=type=cache,target=/x true\n",
]
