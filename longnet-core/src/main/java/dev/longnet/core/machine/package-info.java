/// What this machine is and what this process holds of it.
package dev.longnet.core.machine;
