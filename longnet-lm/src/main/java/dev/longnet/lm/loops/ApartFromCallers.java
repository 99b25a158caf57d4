// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

/// What classes of vector loops extend so that C2 compiles each loop apart. Otherwise it takes one
/// loop after the other into the method that calls them, and stops where that has grown to some
/// size; if that is in the middle of a loop, the loop's vectors become objects and it runs 5 to 40
/// times slower, in one JVM of several.
///
/// C2 takes no method of an exception's class into a method of another class, where a method that
/// it takes in calls it: hence the methods that only call these. That is all that this class has to
/// do with exceptions; there are no instances. A call costs 1 ns.
@SuppressWarnings("serial")
abstract class ApartFromCallers extends Throwable {
  ApartFromCallers() {
    throw new AssertionError();
  }
}
