#include "privileges.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace natlens::cli {
namespace {

Error refused(std::string_view what) {
  return Error{fmt::format("cannot give up privileges: {}: {}", what, std::strerror(errno))};
}

Result<void> become(const passwd& user) {
  if (initgroups(user.pw_name, user.pw_gid) != 0) return refused("groups");
  if (setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0) return refused("group");
  if (setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0) return refused("user");
  // There must be no way back.
  if (user.pw_uid != 0 && setuid(0) == 0) {
    return Error{"cannot give up privileges: the system gave them back"};
  }
  return {};
}

// capset(2) itself: two words of 32 capabilities each.
Result<void> keep_capabilities(std::uint32_t low) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[0].effective = sets[0].permitted = low;
  if (syscall(SYS_capset, &header, sets.data()) != 0) return refused("capabilities");
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return {};
}

}  // namespace

Result<std::string> drop_privileges(const std::string& user, bool writes_anywhere) {
  const bool root = geteuid() == 0;
  const char* const sudo = std::getenv("SUDO_USER");
  const std::string wanted = !user.empty() ? user : root && sudo != nullptr ? sudo : "";
  if (!wanted.empty()) {
    errno = 0;
    const passwd* const found = getpwnam(wanted.c_str());
    if (found == nullptr) return Error{fmt::format("there is no user {}", wanted)};
    if (found->pw_uid != geteuid() || !root) {
      if (!root && found->pw_uid != geteuid()) {
        return Error{fmt::format("only root can become {}", wanted)};
      }
      if (auto done = become(*found); !done) return done.error();
    }
  }
  // Root without this could write its own files only, in its own folders.
  const bool writes = writes_anywhere && geteuid() == 0;
  if (auto kept = keep_capabilities(writes ? 1U << CAP_DAC_OVERRIDE : 0); !kept) {
    return kept.error();
  }
  return root && geteuid() != 0 ? wanted : std::string();
}

}  // namespace natlens::cli
