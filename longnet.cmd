@echo off
rem longnet for Windows: as the script `longnet`, with the JDK 25 of JAVA_HOME or of the PATH.
setlocal
set "HOME_DIR=%~dp0"
set "JAVA=java"
if defined JAVA_HOME set "JAVA=%JAVA_HOME%\bin\java"
"%JAVA%" -version 2>&1 | findstr /c:"version \"25" >nul || (
  echo longnet: no JDK 25 found: install one ^(https://adoptium.net^) and point JAVA_HOME at it 1>&2
  exit /b 1
)
if not exist "%HOME_DIR%longnet-cli\target\classpath.txt" (
  echo longnet: first use: building with Maven, which downloads about 200 MB of libraries once ^(minutes^) 1>&2
  pushd "%HOME_DIR%"
  call mvnw.cmd -B -ntp -q -Dmaven.test.skip=true -Dspotless.check.skip=true -Dlicense.skip=true -Dforbiddenapis.skip=true -pl longnet-cli -am package || (popd & exit /b 1)
  popd
)
for /f "usebackq delims=" %%L in ("%HOME_DIR%longnet-cli\target\classpath.txt") do set "LIBRARIES=%%L"
if not defined OPENBLAS_THREAD_TIMEOUT set OPENBLAS_THREAD_TIMEOUT=4
if not defined OMP_WAIT_POLICY set OMP_WAIT_POLICY=PASSIVE
"%JAVA%" -Xmx2g --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED ^
  -Dorg.bytedeco.javacpp.maxphysicalbytes=0 -Dorg.bytedeco.javacpp.maxbytes=0 ^
  -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8 ^
  "-Dlongnet.home=%HOME_DIR:~0,-1%" %LONGNET_JAVA_OPTS% ^
  -cp "%HOME_DIR%longnet-cli\target\classes;%LIBRARIES%" dev.longnet.cli.Main %*
